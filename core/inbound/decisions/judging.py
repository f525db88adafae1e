"""From the bytes of a message to its verdict; what cannot be read is a value too, never an end."""

from __future__ import annotations

import hashlib
import traceback
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from core.inbound.decisions.facts import Bounce, MessageFacts, Rules
from core.inbound.decisions.filters import LONGEST_BODY
from core.inbound.decisions.placement import Verdict
from core.inbound.decisions.verdict import judge
from core.mail.body import Body, Part, read_body
from core.mail.charsets import decode
from core.mail.free_text_bounces import may_be_free_text_bounce
from core.mail.headers import Headers, read_header_block
from core.mail.nondelivery import read_nondelivery
from core.mail.summary import Summary, summarise
from core.protocols.source import Fetched, Key
from core.text import bounded, clean

UNREADABLE = "could not be processed"

NO_SUMMARY = Summary("", "", "", "", "", (), None, None, is_report=False)
"""Of a message that was not looked at."""


class Judged(NamedTuple):
    """A message with all that was decided about it before the database is asked."""

    key: Key
    """As it is stored; where the server gives no name of its own, made from the bytes."""
    server_key: Key
    """As this session knows it."""
    raw: bytes
    sha256: str
    received_at: datetime
    verdict: Verdict | None
    """`None`: it could not be judged, and `reason` and `detail` say why."""
    reason: str = ""
    detail: str = ""
    summary: Summary = NO_SUMMARY
    """Of one that could not be judged, where its header could be read: who asks for it finds it."""


class _Lazy:
    """A message's body, worked out at most once, when a rule first asks."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    @cached_property
    def _body(self) -> Body:
        return read_body(self._raw, LONGEST_BODY)

    def text(self) -> str:
        """What filters call Body."""
        return self._body.text

    def attachments(self) -> int:
        """How many attachments it has."""
        return len(self._body.attachments)

    def attachment_texts(self) -> tuple[str, ...]:
        """The text of attachments that are text, or a message."""
        texts = [part for part in self._body.parts if _is_text(part.media_type)]
        return tuple(_text_of(part, part.content(self._raw)[:LONGEST_BODY]) for part in texts)


def _is_text(media_type: str) -> bool:
    # A message that is forwarded as a file has its number in its subject; what machines send is structured text.
    return media_type.startswith(("text/", "message/")) or media_type.endswith(("xml", "json"))


def _text_of(part: Part, content: bytes) -> str:
    text = decode(content, part.mime.content_type.get("charset"))
    # Its subject may stand there encoded.
    return (
        f"{read_header_block(content).get('subject') or ''}\n{text}" if part.media_type.startswith("message/") else text
    )


def judge_message(fetched: Fetched, rules: Rules, now: datetime) -> Judged:
    """Judge one message; whatever goes wrong in it is a reason to quarantine it."""
    raw = fetched.raw or b""
    sha256 = hashlib.sha256(raw).hexdigest()
    received_at = fetched.internal_date or now
    summary = NO_SUMMARY
    try:
        headers, summary = summarise(raw)
        verdict = judge(_facts(fetched, headers, summary, sha256, received_at), rules)
    except Exception as error:  # noqa: BLE001 - one mail's failure is a value: it is quarantined, the next goes on
        detail = bounded(clean("".join(traceback.format_exception(error)), multiline=True), 8000)
        reason = ": ".join((UNREADABLE, *getattr(error, "__notes__", ()), type(error).__name__))
        return Judged(fetched.key, fetched.key, raw, sha256, received_at, None, reason, detail, summary)
    return Judged(fetched.key, fetched.key, raw, sha256, received_at, verdict)


def unparsed(fetched: Fetched, now: datetime, reason: str, *, stored_as: Key | None = None) -> Judged:
    """A message that is quarantined without being looked at."""
    raw = fetched.raw or b""
    received_at = fetched.internal_date or now
    key = stored_as or fetched.key
    return Judged(key, fetched.key, raw, hashlib.sha256(raw).hexdigest(), received_at, None, reason)


def _facts(fetched: Fetched, headers: Headers, summary: Summary, sha256: str, received_at: datetime) -> MessageFacts:
    raw = fetched.raw or b""
    lazy = _Lazy(raw)
    return MessageFacts(
        headers=headers,
        summary=summary,
        received_at=received_at,
        body=lazy.text,
        attachment_count=lazy.attachments,
        attachment_texts=lazy.attachment_texts,
        folder=fetched.key.folder,
        sha256=sha256,
        bounce=_bounce(headers, summary, raw),
    )


def _bounce(headers: Headers, summary: Summary, raw: bytes) -> Bounce | None:
    # Of ordinary mail nothing more is looked at than its header.
    found = read_nondelivery(headers, raw) if summary.is_report or may_be_free_text_bounce(headers) else None
    if found is None or not found.is_failure:
        return None
    failures = tuple(one for one in found.recipients if one.is_failure)
    addresses = tuple(one.address for one in failures)
    return Bounce(found.original_message_id, addresses, found.is_hard, found.original_envelope_id, failures)
