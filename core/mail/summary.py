"""What the fetch path needs to know of a message, from its header block alone."""

from datetime import datetime
from typing import NamedTuple

from core.mail.author import author_of
from core.mail.auto import is_automatic
from core.mail.dates import read_date
from core.mail.headers import Headers, read_header_block
from core.mail.message_ids import read_message_ids
from core.text import bounded

LONGEST_SHOWN = 998
"""Characters kept of a field that is shown in lists: the longest line of a message (RFC 5322 2.1.1)."""


class Summary(NamedTuple):
    """The few facts of a message that decide where it goes and how lists show it; absent fields are empty."""

    subject: str
    """Decoded, cleaned, bounded."""

    header_from: str
    """The From field as it is shown, decoded, cleaned, bounded."""

    header_to: str
    """The To field as it is shown, decoded, cleaned, bounded."""

    from_address: str
    """Its author, without its name: see `core.mail.author`. Never a proof of who sent it."""

    message_id: str
    """With its angle brackets."""

    references: tuple[str, ...]
    """The Message-IDs this message answers: those of References, then of In-Reply-To, newest first."""

    date: datetime | None
    """When it says it was written, in UTC."""

    automatic: str | None
    """Why no machine may answer it (RFC 3834), or `None`."""

    is_report: bool
    """Whether it claims to be a report (RFC 6522), which may hold a bounce."""


def summarise(raw: bytes) -> tuple[Headers, Summary]:
    """Read the header block of a message and what decides its way; the body is not looked at."""
    headers = read_header_block(raw)
    return headers, summary_of(headers)


def summary_of(headers: Headers) -> Summary:
    """The facts in a header block that has been read, perhaps with control headers taken out."""
    return Summary(
        subject=_shown(headers, "subject"),
        header_from=_shown(headers, "from"),
        header_to=_shown(headers, "to"),
        from_address=bounded(author_of(headers), LONGEST_SHOWN),
        message_id=next(iter(read_message_ids(headers.get("message-id"))), ""),
        references=_references(headers),
        date=read_date(headers.raw("date")),
        automatic=is_automatic(headers),
        is_report=(headers.raw("content-type") or "")[:64].lower().startswith("multipart/report"),
    )


def _shown(headers: Headers, name: str) -> str:
    return bounded(headers.get(name) or "", LONGEST_SHOWN)


def _references(headers: Headers) -> tuple[str, ...]:
    references = read_message_ids(" ".join(headers.get_all("references")))
    in_reply_to = read_message_ids(" ".join(headers.get_all("in-reply-to")))
    return tuple(dict.fromkeys((*reversed(references), *reversed(in_reply_to))))
