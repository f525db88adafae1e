"""The settings of an older gateway by what they mean, each read once, with what is wrong or unknown among them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.errors import Problem
from core.services.legacy.keys import Key, Meaning, read_key
from core.services.legacy.properties import Property

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_YES, _NO = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


@dataclass(frozen=True)
class Note:
    """A key, and what became of it where that is not plain to see."""

    key: str
    line: int
    """0: it does not stand in the file."""
    text: str

    def __str__(self) -> str:
        return f"{self.key} (line {self.line}) {self.text}" if self.line else f"{self.key} {self.text}"


class Given:
    """What was given, by meaning."""

    def __init__(self, properties: Sequence[Property], file: str) -> None:
        self.notes: list[Note] = []
        self.problems: list[Problem] = []
        self._file = file
        self._by_meaning: dict[Meaning, Property] = {}
        keys = [(one, read_key(one.key)) for one in self._last_of_each(properties)]
        wanted = self._protocol(keys)
        self.is_smtps = wanted == "smtps"
        """Whether the protocol is SMTP over TLS from the first byte."""
        # The chosen protocol's own keys outweigh the other's, and both those that are for any.
        order = {wanted: 0, {"smtp": "smtps"}.get(wanted, "smtp"): 1, "": 2}
        for one, key in sorted(keys, key=lambda pair: order[pair[1].protocol]):
            self._place(one, key)

    def __contains__(self, meaning: Meaning) -> bool:
        return meaning in self._by_meaning

    def raw(self, meaning: Meaning) -> str:
        """The value just as it stands there; empty if it does not."""
        found = self._by_meaning.get(meaning)
        return "" if found is None else found.value

    def text(self, meaning: Meaning) -> str:
        """The value without blanks around it."""
        return self.raw(meaning).strip()

    def yes(self, meaning: Meaning, *, otherwise: bool = False) -> bool:
        """Whether it is true; `otherwise` if it does not stand there."""
        word = self.text(meaning).lower()
        if not word:
            return otherwise
        if word not in _YES | _NO:
            self.wrong(meaning, f"is true or false, not {word!r}.")
        return word in _YES

    def port(self, meaning: Meaning) -> int:
        """A port; 0 if it is none, which is a problem."""
        text = self.text(meaning)
        if re.fullmatch(r"\d{1,5}", text) and 0 < int(text) < 65536:
            return int(text)
        self.wrong(meaning, f"is a port from 1 to 65535, not {text!r}.")
        return 0

    def note(self, meaning: Meaning, text: str) -> None:
        """Say what became of a key; of one that is not there, what that means."""
        given = self._by_meaning.get(meaning)
        self.notes.append(Note(str(meaning), 0, text) if given is None else Note(given.key, given.line, text))

    def wrong(self, meaning: Meaning, text: str) -> None:
        """Say what is wrong with a key, once."""
        given = self._by_meaning.get(meaning)
        problem = Problem(self._file, str(meaning), text) if given is None else self._problem(given, text)
        if problem not in self.problems:
            self.problems.append(problem)

    def _place(self, one: Property, key: Key) -> None:
        if _CONTROL.search(one.value):
            self.problems.append(self._problem(one, "holds a line break or another control character."))
        elif key.meaning is None:
            self._note(one, f"was not taken over: {key.why_not or 'unknown'}.")
        elif key.meaning is Meaning.MILLISECONDS:
            self._deadline(one)
        elif (earlier := self._by_meaning.get(key.meaning)) is not None:
            self._note(one, f"was not taken over: {earlier.key} says it already.")
        else:
            self._by_meaning[key.meaning] = one

    def _deadline(self, one: Property) -> None:
        if re.fullmatch(r"-?\d{1,12}", one.value.strip()):
            self._note(one, "was not taken over: every step has a deadline of its own here.")
        else:
            self.problems.append(self._problem(one, f"is a number of milliseconds, not {one.value!r}."))

    def _protocol(self, keys: list[tuple[Property, Key]]) -> str:
        named = [one for one, key in keys if key.meaning is Meaning.PROTOCOL]
        for one in named:
            if one.value.strip().lower() not in {"smtp", "smtps"}:
                self.problems.append(self._problem(one, f"is smtp or smtps, not {one.value!r}."))
        if named:
            return "smtps" if named[0].value.strip().lower() == "smtps" else "smtp"
        used = {key.protocol for _, key in keys}
        return "smtps" if "smtps" in used and "smtp" not in used else "smtp"

    def _last_of_each(self, properties: Sequence[Property]) -> Iterator[Property]:
        # As Java reads them: the last one holds.
        last = {one.key: one for one in properties}
        for one in properties:
            if last[one.key] is one:
                yield one
            else:
                self._note(one, f"was not taken over: line {last[one.key].line} says it again.")

    def _note(self, one: Property, text: str) -> None:
        self.notes.append(Note(one.key, one.line, text))

    def _problem(self, one: Property, text: str) -> Problem:
        return Problem(f"{self._file}: line {one.line}", one.key, text)
