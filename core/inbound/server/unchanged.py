"""Seeing at one STATUS that a folder has nothing new: a mailbox of a million kept messages costs one command."""

from __future__ import annotations

from collections.abc import Mapping

from core.errors import WireError
from core.inbound.due import Claimed
from core.inbound.noted import Noted
from core.models import FolderMark
from core.protocols.imap.source import FolderStatus, ImapSource
from core.protocols.source import Source


def unchanged_folders(
    claimed: Claimed, noted: Mapping[str, Noted], source: Source, *, seconds: float | None = None
) -> dict[str, FolderStatus]:
    """The folders of the account in which nothing is to be done, by name; each answers within `seconds`.

    Raises:
        WireError: the connection is of no more use.
    """
    found: dict[str, FolderStatus] = {}
    if not isinstance(source, ImapSource) or claimed.took_over:
        return found
    for folder in claimed.account.folders:
        mark = _settled(noted[folder], claimed)
        status = _status(source, folder, seconds) if mark is not None else None
        if mark is not None and status is not None and is_unchanged(mark, status):
            found[folder] = status
    return found


def is_unchanged(mark: FolderMark, status: FolderStatus) -> bool:
    """Whether a folder that was settled up to its end holds nothing that came since (RFC 3501 §2.3.1.1).

    Fewer messages are no news: somebody removed them. More without a greater UIDNEXT is a server to look at closely.
    """
    is_same_numbering = status.uidvalidity == mark.uidvalidity and 0 < status.uidnext == mark.uid_next
    return is_same_numbering and status.messages <= mark.messages


def _settled(noted: Noted, claimed: Claimed) -> FolderMark | None:
    """The mark of a folder that was read to its end, with nothing left to try again or to tell the server."""
    mark = noted.mark
    if mark is None or not mark.messages or mark.uid_settled < mark.uid_next - 1 or noted.pending:
        return None
    return None if noted.due_again(mark.uidvalidity, mark.uid_settled, is_asked=claimed.is_asked) else mark


def _status(source: ImapSource, folder: str, seconds: float | None) -> FolderStatus | None:
    try:
        return source.status(folder, seconds=seconds)
    except WireError:
        if not source.is_usable:
            raise
        return None  # a server that refuses STATUS is asked by opening the folder
