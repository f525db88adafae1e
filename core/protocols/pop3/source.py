"""POP3 as a source of mail (RFC 1939): everything is listed, deletes become real at QUIT."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from core.errors import Misuse, NotOffered, WireError
from core.mail.withheld import words_in_its_place
from core.protocols.pop3.dialogue import Pop3Dialogue, Retrieval
from core.protocols.source import Fetched, Key, Listing, Missing, Removal, Selected, SessionFacts

_WINDOW = 100
"""Commands sent ahead: enough to hide the way to the server, and far from filling its input."""
_LONGEST_UIDL_LINE = 90
_USUAL_UIDL_LINE = 25
_LONGEST_HEADER = 1024 * 1024
_USUAL_HEADER = 8192


class Pop3Source:
    """A logged-in POP3 connection: one mailbox, locked and unchanging until it is closed."""

    def __init__(self, dialogue: Pop3Dialogue, facts: SessionFacts) -> None:
        self.facts = facts
        """What is known of the connection."""
        self._dialogue = dialogue
        self._writable = False
        self._exists = 0
        self._numbers: dict[Key, int] = {}
        self._sizes: dict[int, int] | None = None
        self._pending: list[Key] = []
        self._came: list[Fetched] = []
        """Of the last `fetch`."""

    @property
    def is_usable(self) -> bool:
        """Whether the connection is still in step."""
        return not self._dialogue.wire.broken

    def select(self, folder: str = "", *, writable: bool) -> Selected:
        """STAT: there is one mailbox only, and `folder` must be empty."""
        if folder:
            raise Misuse(f"POP3 has no folders, so {folder!r} cannot be opened.")
        answer = self._dialogue.command(b"STAT", phase="folder")
        count = answer.split()[:1]
        if not count or not re.fullmatch(rb"\d{1,10}", count[0]):
            self._dialogue.wire.violation("The server does not tell how many messages there are.")
        self._writable = writable
        self._exists = int(count[0])
        return Selected("", 0, 0, self._exists)

    def list_new(self, folder: str = "", above: int = 0) -> Listing:
        """UIDL: all messages. Which of them are new is known only to whoever has their UIDLs."""
        pairs = self._uidls()
        if pairs is None:
            numbers: Sequence[int] = sorted(self._all_sizes())
            listing = Listing("", 0, len(numbers), numbers, [""] * len(numbers), has_uidl=False)
        else:
            numbers = [number for number, _ in pairs]
            times = Counter(uidl for _, uidl in pairs)
            duplicates = frozenset(uidl for uidl, count in times.items() if count > 1 or not uidl)
            uids = [number if uidl in duplicates else 0 for number, uidl in pairs]
            listing = Listing("", 0, len(pairs), uids, [uidl for _, uidl in pairs], duplicates=duplicates)
        self._numbers = dict(zip(listing.keys, numbers, strict=True))
        return listing

    def sizes(self, keys: Sequence[Key]) -> dict[Key, int]:
        """From LIST, asked once: the mailbox does not change while the session lasts."""
        sizes = self._all_sizes()
        found = ((key, sizes.get(self._number(key))) for key in keys)
        return {key: size for key, size in found if size is not None}

    def first_header(self) -> bytes | None:
        """The header of the first message; None where the server does not know TOP, which is optional (RFC 1939 §7)."""
        return self._top(1)

    def header(self, key: Key) -> bytes | None:
        """The header of a message, without reading the message: some servers show what was read no second time."""
        return self._top(self._number(key))

    def _top(self, number: int) -> bytes | None:
        command = b"TOP %d 0" % number
        try:
            lines = self._dialogue.lines(command, phase="count", budget=_LONGEST_HEADER, expected=_USUAL_HEADER)
        except WireError:
            if not self.is_usable:
                raise
            return None
        return b"\r\n".join([*lines, b"", b""])

    def fetch(self, keys: Sequence[Key], following: Sequence[Key] = ()) -> list[Fetched]:
        """RETR each."""
        if not keys:
            return []
        windows = list(_windows(keys))
        wanted = [self._retrieval(window) for window in windows]
        after = self._retrieval(following) if 0 < len(following) <= _WINDOW else None
        self._came = []
        for window, these, those in zip(windows, wanted, [*wanted[1:], after], strict=True):
            for one in self._fetched(window, these, those):
                self._came.append(one)
        return self._came

    def arrived(self, keys: Sequence[Key]) -> list[Fetched]:
        """What of these had come when `fetch` lost the connection."""
        return [one for one in self._came if one.key in keys and one.raw is not None]

    def mark_seen(self, keys: Sequence[Key]) -> None:
        """POP3 has no flags."""
        raise self._not_offered("POP3 cannot mark messages as read.")

    def delete(self, keys: Sequence[Key]) -> Removal:
        """DELE each: `pending` until `close` gives them back."""
        if not self._writable:
            raise Misuse("The mailbox was opened for reading only.")
        pending: list[Key] = []
        left: list[Key] = []
        note = ""
        for window in _windows(keys):
            numbers = [self._number(key) for key in window]
            for key, refused in zip(window, self._dialogue.mark_deleted(numbers), strict=True):
                (left if refused else pending).append(key)
                note = refused or note
        self._pending += pending
        return Removal((), tuple(left), note, tuple(pending))

    def move(self, keys: Sequence[Key], target: str) -> Removal:
        """POP3 has no folders."""
        raise self._not_offered("POP3 has no folders to move messages to.")

    def noop(self) -> None:
        """NOOP: fails if the connection is dead."""
        self._dialogue.command(b"NOOP", phase="noop")

    def close(self) -> tuple[Key, ...]:
        """QUIT: now the deletes happen. Gives back what was removed; without a +OK nothing is known to be."""
        # After a broken-off answer QUIT would be read as part of something else, or arrive where it deletes.
        if not self.is_usable:
            return ()
        try:
            if not self._pending:
                with contextlib.suppress(WireError):
                    self._dialogue.command(b"QUIT", phase="quit", seconds=min(5.0, self._dialogue.timeouts.command))
                return ()
            self._dialogue.command(b"QUIT", phase="quit", seconds=self._dialogue.timeouts.settle)
            removed, self._pending = tuple(self._pending), []
            return removed
        finally:
            self.drop()

    def drop(self) -> None:
        """Abandon the connection without QUIT: nothing is deleted. May be called from another thread."""
        self._dialogue.wire.close()

    def _retrieval(self, keys: Sequence[Key]) -> Retrieval:
        sizes, caps = self._all_sizes(), self._dialogue.caps
        numbers = tuple(self._number(key) for key in keys)
        expected = [caps.expected(sizes.get(number, caps.message)) for number in numbers]
        announced = sum(sizes.get(number, 0) for number in numbers)
        return Retrieval(
            numbers, max(expected), sum(expected) + 4096 * len(keys), self._dialogue.timeouts.transfer(announced)
        )

    def _fetched(self, keys: Sequence[Key], wanted: Retrieval, following: Retrieval | None) -> Iterator[Fetched]:
        sizes = self._all_sizes()
        answers = self._dialogue.retrieve(wanted, following)
        for key, number, answer in zip(keys, wanted.numbers, answers, strict=True):
            size = sizes.get(number, 0)
            if isinstance(answer, str):
                yield Fetched(key, None, size, None, Missing.REFUSED, answer)
            elif not answer and size:
                yield Fetched(key, None, size, None, Missing.EMPTY)
            elif instead := words_in_its_place(answer):
                yield Fetched(key, None, size, None, Missing.WITHHELD, instead)
            else:
                yield Fetched(key, answer, size, None)

    def _uidls(self) -> list[tuple[int, str]] | None:
        try:
            lines = self._listed(b"UIDL", "list")
        except WireError:
            if not self.is_usable:
                raise
            return None
        pairs = (line.split(None, 1) for line in lines)
        return [
            (self._read(number), b"".join(uidl).rstrip().decode("ascii", "backslashreplace"))
            for number, *uidl in filter(None, pairs)
        ]

    def _all_sizes(self) -> dict[int, int]:
        if self._sizes is None:
            lines = self._listed(b"LIST", "sizes")
            pairs = (line.split() for line in lines)
            self._sizes = {self._read(pair[0]): self._read(pair[1]) for pair in pairs if len(pair) >= 2}
        return self._sizes

    def _listed(self, command: bytes, phase: str) -> list[bytes]:
        budget = min(self._dialogue.caps.listing, (self._exists + 100) * _LONGEST_UIDL_LINE)
        # The server's own count must not give it hours.
        expected = min(self._exists * _USUAL_UIDL_LINE, 1024 * 1024)
        return self._dialogue.lines(command, phase=phase, budget=budget, expected=expected)

    def _read(self, number: bytes) -> int:
        if not number.isdigit() or len(number) > 18:
            self._dialogue.wire.violation("The server lists what is no number.")
        return int(number)

    def _number(self, key: Key) -> int:
        try:
            return self._numbers[key]
        except KeyError:
            raise Misuse(f"The message {key.uidl!r} is not in this session's list.") from None

    def _not_offered(self, text: str) -> NotOffered:
        return NotOffered(text, host=self._dialogue.wire.place)


def _windows(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    for start in range(0, len(keys), _WINDOW):
        yield keys[start : start + _WINDOW]
