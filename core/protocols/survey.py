"""What lies in an open folder, in a few commands however many messages there are; nothing is changed or fetched."""

from __future__ import annotations

from datetime import date

from core.mail.dates import read_date
from core.mail.headers import read_header_block
from core.protocols.findings import Asked, Contents
from core.protocols.imap.source import ImapSource
from core.protocols.pop3.source import Pop3Source
from core.protocols.source import Selected
from core.text import counted


def survey_imap(source: ImapSource, selected: Selected, asked: Asked) -> Contents:
    """Count by SEARCH (RFC 3501 §6.4.4) in the selected folder."""
    target_name = source.name_for(asked.target) if asked.target else ""
    if not selected.exists:
        return Contents(selected.folder, 0, since=0 if asked.since else None, target_name=target_name)
    oldest = source.oldest()
    since = source.since(asked.since) if asked.since is not None else None
    large = source.larger_than(asked.larger_than) if asked.larger_than else set()
    return Contents(
        selected.folder,
        selected.exists,
        None if oldest is None else oldest.date(),
        None if since is None else len(since),
        len(large if since is None else large & since),
        deletes_into_trash=source.deletes_into_trash,
        target_name=target_name,
    )


def survey_pop3(source: Pop3Source, selected: Selected, asked: Asked) -> Contents:
    """Count by UIDL and LIST; the first message's header tells how old the oldest is."""
    listing = source.list_new()
    sizes = source.sizes(listing.keys).values() if asked.larger_than else ()
    return Contents(
        "",
        selected.exists,
        _came(source.first_header()) if selected.exists else None,
        too_large=sum(size > asked.larger_than for size in sizes),
        is_named=listing.has_uidl and not listing.duplicates,
    )


def _came(header: bytes | None) -> date | None:
    """When a message came: by the topmost Received field, else as its sender says."""
    fields = read_header_block(header or b"")
    received = (fields.raw("received") or "").rpartition(";")[2]
    moment = read_date(received) or read_date(fields.raw("date"))
    return None if moment is None else moment.date()


def contents_line(contents: Contents) -> str:
    """`412 messages, oldest 2019-03-01`, for a reader."""
    words = [counted(contents.messages, "message")]
    if contents.oldest is not None:
        words.append(f"oldest {_day(contents.oldest)}")
    if not contents.is_named:
        words.append("without a name (UIDL) of each one's own")
    return ", ".join(words)


def _day(day: date) -> str:
    return f"{day:%Y-%m-%d}"
