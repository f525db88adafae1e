"""What FETCH responses say (RFC 3501 §7.4.2): a pattern for how nearly all servers put it, a parser for the rest."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from imapclient.exceptions import ProtocolError
from imapclient.response_parser import parse_fetch_response

from core.protocols.imap.answer import Answer, Response
from core.protocols.imap.dialogue import ImapDialogue
from core.protocols.imap.text import in_utc, internal_date

T = TypeVar("T")

_ITEM = rb'UID (\d{1,10})|RFC822\.SIZE (\d{1,18})|INTERNALDATE "([^"]{0,40})"'
_ITEMS = rb"(?:" + _ITEM + rb"| )*"
_HEAD = re.compile(rb"\d+ FETCH \(" + _ITEMS + rb"BODY\[\] \{\d+\}", re.IGNORECASE)
_TAIL = re.compile(_ITEMS + rb"\)", re.IGNORECASE)
_SIZE = re.compile(rb"\d+ FETCH \(" + _ITEMS + rb"\)", re.IGNORECASE)


@dataclass(frozen=True)
class Body:
    """What one FETCH response told of a message."""

    uid: int
    raw: bytes | None
    """None: the server said NIL, or did not speak of the body."""
    size: int
    """As announced; 0 if it was not."""
    date: datetime | None


class NotUnderstood(Exception):
    """A FETCH response that makes no sense."""


def understood(dialogue: ImapDialogue, read: Callable[[list[Response]], T], answer: Answer) -> T:
    """What an answer says; one that makes no sense ends the connection."""
    try:
        return read(answer.untagged)
    except NotUnderstood as error:
        dialogue.wire.violation(f"A FETCH response makes no sense: {error}")


def bodies(untagged: Iterable[Response]) -> dict[int, Body]:
    """The messages in these responses by UID; what a server tells unasked (new flags) does not hide a body."""
    found: dict[int, Body] = {}
    for response in untagged:
        body = _by_pattern(response) or _by_parser(response)
        if body is not None and (body.raw is not None or body.uid not in found):
            found[body.uid] = body
    return found


def bodies_up_to_nonsense(untagged: Iterable[Response]) -> dict[int, Body]:
    """The same of an answer that was broken off, where what makes no sense may have been the end of it."""
    found: dict[int, Body] = {}
    try:
        for response in untagged:
            found.update(bodies([response]))
    except NotUnderstood:
        pass
    return found


def headers(untagged: Iterable[Response]) -> dict[int, bytes]:
    """The header fields that were asked for, by UID."""
    found: dict[int, bytes] = {}
    for response in untagged:
        if (items := _parsed(response)) is None:
            continue
        for name, value in items.items():
            if name.upper().startswith(b"BODY[HEADER") and isinstance(value, bytes):
                found[int(str(items[b"UID"]))] = value
    return found


def sizes(untagged: Iterable[Response]) -> dict[int, int]:
    """The announced sizes by UID."""
    found: dict[int, int] = {}
    for response in untagged:
        line = response[0]
        match = _SIZE.fullmatch(line) if isinstance(line, bytes) else None
        if match and match.group(1) and match.group(2):
            found[int(match.group(1))] = int(match.group(2))
        elif (body := _by_parser(response)) is not None and body.size:
            found[body.uid] = body.size
    return found


def _by_pattern(response: Response) -> Body | None:
    if len(response) != 2 or not isinstance(response[0], tuple) or not isinstance(response[1], bytes):
        return None
    head, tail = _HEAD.fullmatch(response[0][0]), _TAIL.fullmatch(response[1])
    if head is None or tail is None:
        return None
    uid, size, date = (before or after for before, after in zip(head.groups(), tail.groups(), strict=True))
    if uid is None:
        return None
    return Body(int(uid), response[0][1], int(size or 0), internal_date(date) if date else None)


def _by_parser(response: Response) -> Body | None:
    items = _parsed(response)
    return _body(items) if items is not None else None


def _parsed(response: Response) -> Mapping[bytes, object] | None:
    """The items of a FETCH response that names a UID; None if it is another response."""
    parts = _without_verb(response)
    if parts is None:
        return None
    try:
        parsed = parse_fetch_response(parts, normalise_times=False, uid_is_key=False)
    except (ProtocolError, ValueError, IndexError, KeyError, TypeError, RecursionError) as error:
        raise NotUnderstood(str(error)) from error
    for items in parsed.values():
        # Without a UID it is news of a message that was not asked for, most often its flags.
        if isinstance(items.get(b"UID"), int):
            return dict(items)
    return None


def _without_verb(response: Response) -> Response | None:
    """The response as the parser takes it, without the word FETCH; None if it is another response."""
    first = response[0]
    number, _, rest = (first if isinstance(first, bytes) else first[0]).partition(b" ")
    verb, _, rest = rest.partition(b" ")
    if verb.upper() != b"FETCH" or not number.isdigit():
        return None
    text = number + b" " + rest
    return [text if isinstance(first, bytes) else (text, first[1]), *response[1:]]


def _body(items: Mapping[bytes, object]) -> Body:
    raw, size, date = items.get(b"BODY[]"), items.get(b"RFC822.SIZE"), items.get(b"INTERNALDATE")
    return Body(
        uid=int(str(items[b"UID"])),
        raw=raw if isinstance(raw, bytes) else None,
        size=size if isinstance(size, int) else 0,
        date=in_utc(date) if isinstance(date, datetime) else None,
    )
