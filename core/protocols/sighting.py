"""Waiting for one message in a mailbox: seen by a word in its subject, removed if that is wanted."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.protocols.imap.source import ImapSource
from core.protocols.pop3.source import Pop3Source
from core.protocols.source import Key

_LARGEST = 64 * 1024
"""Octets of a message that may be the one: what is looked for is small."""
_MOST = 50
_JUNK = re.compile(r"(^|[/.])(junk( e-?mail)?|spam|bulk mail)$", re.IGNORECASE)


@dataclass(frozen=True)
class Sighting:
    """Where it lies."""

    folder: str
    """Empty with POP3."""
    key: Key


class ImapWatch:
    """Folders of an IMAP mailbox, over one connection."""

    def __init__(self, source: ImapSource, folders: Sequence[str]) -> None:
        self._source = source
        self._folders = tuple(folders)

    def begin(self) -> None:
        """See that every folder can be opened."""
        for folder in self._folders:
            self._source.select(folder, writable=False)

    def look(self, word: str) -> Sighting | None:
        """Whether a message with this word of ours in its subject is there."""
        return next(filter(None, (self._found(folder, word) for folder in self._folders)), None)

    def look_aside(self, word: str) -> Sighting | None:
        """Whether it was taken for junk (RFC 6154 §2, or by the folder's usual names)."""
        folders = [one for one in self._source.folders() if one.is_selectable]
        junk = [one.name for one in folders if "\\JUNK" in one.attributes or _JUNK.search(one.name)]
        return next(filter(None, (self._found(folder, word) for folder in junk)), None)

    def remove(self, sighting: Sighting) -> bool:
        """Take it away; whether it is gone."""
        self._source.select(sighting.folder, writable=True)
        return bool(self._source.delete([sighting.key]).done)

    def close(self) -> None:
        """Say goodbye."""
        self._source.close()

    def drop(self) -> None:
        """Hang up."""
        self._source.drop()

    def _found(self, folder: str, word: str) -> Sighting | None:
        # Selected anew each time: some servers tell what is new in no other way.
        selected = self._source.select(folder, writable=False)
        uids = sorted(self._source.with_subject_word(word)) if selected.exists else []
        return Sighting(folder, Key(folder, selected.uidvalidity, uids[-1], "")) if uids else None


class Pop3Watch:
    """A POP3 mailbox, opened anew for each look: a session never sees what comes while it lasts."""

    def __init__(self, opened: Callable[[], Pop3Source]) -> None:
        self._opened = opened
        self._source = opened()
        self._here_before: set[Key] = set()

    def begin(self) -> None:
        """Note what is there already."""
        self._source.select(writable=False)
        self._here_before = set(self._source.list_new().keys)
        self._source.close()

    def look(self, word: str) -> Sighting | None:
        """Whether a small message that was not there before has this word in it."""
        self._source.close()
        self._source = self._opened()
        self._source.select(writable=True)
        new = [key for key in self._source.list_new().keys if key not in self._here_before][-_MOST:]
        small = [key for key, size in self._source.sizes(new).items() if size <= _LARGEST]
        found = next((key for key in small if word.encode() in (self._header(key) or b"")), None)
        return None if found is None else Sighting("", found)

    def _header(self, key: Key) -> bytes | None:
        header = self._source.header(key)
        # A server so old that it knows no TOP remembers nothing of what was read either.
        return header if header is not None else self._source.fetch([key])[0].raw

    def look_aside(self, _: str) -> Sighting | None:
        """POP3 shows the inbox alone."""
        return None

    def remove(self, sighting: Sighting) -> bool:
        """Take it away, in the session that found it; whether it is gone."""
        self._source.delete([sighting.key])
        return bool(self._source.close())

    def close(self) -> None:
        """Say goodbye."""
        self._source.close()

    def drop(self) -> None:
        """Hang up."""
        self._source.drop()
