"""Runs the commands that a page shows, as a shell would."""

import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.cli.conftest import Ended, Shell

Name = str | Callable[[], str]


def commands_of(block: str) -> list[str]:
    """A block's lines, those that go on behind a backslash as one."""
    return [line for line in re.sub(r"\s*\\\n\s*", " ", block).splitlines() if line.strip()]


class PageReader:
    """One who reads a page on this machine, with its names in place of the examples'.

    Args:
        shell: where `postroom` is run.
        names: what stands on the page, and what is meant by it here, or how that is found out when it is met.
        files: what is read with `< NAME`, where that is no file here.
    """

    def __init__(self, shell: Shell, names: Mapping[str, Name], files: Mapping[str, bytes] | None = None) -> None:
        self._shell = shell
        self._names = names
        self._files = files or {}

    def run(self, line: str) -> Ended:
        """Run one line to its end: a command, behind what is piped into it."""
        for name, here in self._names.items():
            if re.search(_as_a_word(name), line):
                line = re.sub(_as_a_word(name), _here(here), line)
        ended = Ended(0, "", "")
        for command in line.split(" | "):
            ended = self._run(shlex.split(command, comments=True), ended.out.encode())
            if ended.code:
                break
        return ended

    def _run(self, words: list[str], stdin: bytes) -> Ended:
        program, *rest = words
        if program in {"printf", "echo"}:
            form, *values = rest
            return Ended(0, form.replace("\\n", "\n") % tuple(values) if program == "printf" else f"{form}\n", "")
        assert program == "postroom"
        if "<" in rest:
            place = rest.index("<")
            name = rest[place + 1]
            rest, stdin = rest[:place], self._files[name] if name in self._files else Path(name).read_bytes()
        if ">" in rest:
            rest = rest[: rest.index(">")]
        return self._shell(*rest, stdin=stdin)


def _as_a_word(name: str) -> str:
    return rf"(?<![\w.@-]){re.escape(name)}(?![\w@-])"


def _here(name: Name) -> Callable[[object], str]:
    found = name if isinstance(name, str) else name()
    return lambda _: found
