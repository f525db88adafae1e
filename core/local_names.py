"""Who is meant by a name without @, or at localhost: a user of this machine, as sendmail has it.

`/etc/aliases` (aliases(5)) says whose mail that is; a name that is not there becomes an address at this machine's name
for mail, `/etc/mailname` or its host name. Commands, files and lists of an alias are for a server that delivers here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ALIASES = Path("/etc/aliases")
MAILNAME = Path("/etc/mailname")

_NAME = r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}"
_HERE = "@localhost"
_BARE = re.compile(_NAME)
_ALIAS = re.compile(r'(?:"(?P<quoted>[^"]+)"|(?P<name>[^\s:"#]+))\s*:(?P<targets>.*)', re.DOTALL)
_FIELD_OF_A_NAME = re.compile(rb"(?P<before>\s*)(?P<name>%b)(?P<after>\s*(?:\([^()]*\))?\s*)" % _NAME.encode())
_FIELD_OF_A_NAME_IN_ANGLES = re.compile(rb"(?P<before>[^<>@,]*<)(?P<name>%b)(?P<after>>\s*)" % _NAME.encode())
_BETWEEN_COMMAS = re.compile(rb"""(?:"(?:[^"\\]|\\.)*+"|\((?:[^()\\]|\\.)*+\)|[^,])++""", re.DOTALL)
_DEEPEST = 10


@dataclass(frozen=True)
class LocalNames:
    """What this machine knows of its users."""

    domain: str
    """What stands behind the @ of a local name."""
    aliases: Mapping[str, tuple[str, ...]]
    """Names in lower case, and whose mail that is."""

    def address_of(self, word: str) -> str:
        """A name of this machine with its domain; anything else as it is."""
        # A relay would take `localhost` for its own machine.
        name = word[: -len(_HERE)] if word.lower().endswith(_HERE) else word
        return f"{name}@{self.domain}" if _BARE.fullmatch(name) else word

    def recipients_of(self, word: str) -> tuple[str, ...]:
        """Whose mail this is: a name or address of this machine goes where its alias says."""
        return tuple(dict.fromkeys(self._expanded(self.address_of(word), _DEEPEST)))

    def qualified(self, value: bytes) -> bytes:
        """A header field with this machine's domain behind each bare name, as cron writes it: `root (Cron Daemon)`."""
        return _BETWEEN_COMMAS.sub(lambda piece: self._qualified(piece[0]), value)

    def _qualified(self, value: bytes) -> bytes:
        found = _FIELD_OF_A_NAME.fullmatch(value) or _FIELD_OF_A_NAME_IN_ANGLES.fullmatch(value)
        if found is None:
            return value
        return b"%b%b@%b%b" % (found["before"], found["name"], self.domain.encode(), found["after"])

    def _expanded(self, address: str, depth: int) -> list[str]:
        name, _, domain = address.rpartition("@")
        targets = self.aliases.get(name.lower(), ()) if domain.lower() == self.domain.lower() else ()
        reachable = [self.address_of(target) for target in targets if target[:1] not in ("|", "/", ":", "\\")]
        if not reachable or depth == 0:
            return [address]
        return [each for target in reachable for each in self._expanded(target, depth - 1 if target != address else 0)]


def read_local_names() -> LocalNames:
    """What the files of this machine say; a file that cannot be read says nothing."""
    lines = _lines(MAILNAME)
    domain = lines[0].strip() if lines and lines[0].strip() else os.uname().nodename or "localhost"
    return LocalNames(domain, read_aliases(_lines(ALIASES)))


def read_aliases(lines: list[str]) -> dict[str, tuple[str, ...]]:
    """The aliases of a file: `name: target, target`, going on in lines that begin blank."""
    logical: list[str] = []
    for line in lines:
        if line[:1] in (" ", "\t") and logical:
            logical[-1] += line
        elif line.strip() and not line.startswith("#"):
            logical.append(line)
    found = (_ALIAS.fullmatch(line.strip()) for line in logical)
    return {
        (each["quoted"] or each["name"]).lower(): tuple(
            target.strip().strip('"') for target in each["targets"].split(",") if target.strip()
        )
        for each in found
        if each is not None
    }


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
