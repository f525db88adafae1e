"""What a fetch would do, without doing it: nothing is stored, nothing is changed on the server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from core.handles import Handles
from core.inbound import marks
from core.inbound.noted import Noted, read_noted
from core.inbound.run.fetch import FetchOptions
from core.inbound.server.opening import open_source
from core.models import Account, AccountType
from core.protocols.source import Key, Source
from core.runlog import RunLog

SIZES_AT_ONCE = 1000
"""How many sizes are asked for in one command."""


@dataclass(frozen=True)
class Rehearsed:
    """What would be taken in from one folder."""

    account: str
    folder: str
    """Empty with POP3."""
    new: int
    """Messages that would be taken in, over several runs if they are many."""
    too_large: int
    """Messages that would be left on the server."""
    here: int
    """Messages on the server that are here already."""
    after_fetch: str
    """What would happen on the server: keep, delete or move."""

    def as_dict(self) -> dict[str, object]:
        """A line of `fetch --dry-run --json`."""
        return {"event": "plan", **self.__dict__}


def rehearse(handles: Handles, account: Account, options: FetchOptions) -> Iterator[Rehearsed]:
    """Connect, list each folder, compare with what is here.

    Raises:
        ConfigurationError: the password cannot be had.
        WireError: the server cannot be reached or refuses.
    """
    log = RunLog(handles, 0, account.name, listener=options.listener, debug=options.debug)
    source = open_source(handles, account, log, options.timeouts)
    noted = read_noted(handles, account)
    try:
        for folder in account.folders if AccountType(account.type).is_imap else [""]:
            yield _folder(handles, account, source, folder, noted[folder])
    finally:
        source.drop()


def _folder(handles: Handles, account: Account, source: Source, folder: str, noted: Noted) -> Rehearsed:
    selected = source.select(folder, writable=False)
    mark, numbering = noted.mark, selected.uidvalidity
    settled = mark.uid_settled if mark is not None and mark.uidvalidity == numbering else 0
    known = marks.stored_above(handles, account, folder, numbering, settled) | noted.left_alone(numbering)
    listed = source.list_new(folder, settled).keys
    new = [key for key in listed if (key.uid, key.uidl) not in known]
    too_large = sum(1 for size in _sizes(source, new) if size > account.max_size)
    here = max(0, selected.exists - len(new))
    return Rehearsed(account.name, folder, len(new) - too_large, too_large, here, str(account.after_fetch))


def _sizes(source: Source, keys: list[Key]) -> Iterator[int]:
    for start in range(0, len(keys), SIZES_AT_ONCE):
        yield from source.sizes(keys[start : start + SIZES_AT_ONCE]).values()
