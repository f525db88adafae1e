"""Who wrote a message: whom its From names, unless a list stands there, since DMARC lets it send for nobody else.

Google Groups keeps the author in X-Original-From, Mailman in Reply-To. None of it proves who sent the message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from core.mail.addresses import bare_addresses
from core.mail.headers import Headers

_ORIGINAL = ("x-original-from", "x-original-sender", "reply-to")
"""Where lists keep the author, best first."""

_POSTS_GO_TO = re.compile(r"mailto:([^<>?,\s]+)", re.IGNORECASE)


def author_of(headers: Headers) -> str:
    """The author's address without its name: the first of From, or else of Sender; empty if there is none."""
    named = next(_addresses(headers, "from", "sender"), "")
    if named and _is_lists_own(named.lower(), headers):
        return next((one for one in _addresses(headers, *_ORIGINAL) if one.lower() != named.lower()), named)
    return named


def _addresses(headers: Headers, *names: str) -> Iterator[str]:
    for name in names:
        if value := headers.raw(name):
            yield from bare_addresses(value)


def _is_lists_own(address: str, headers: Headers) -> bool:
    """Whether it is the address to which people write who mean the list (RFC 2369 §3.4)."""
    if "x-original-from" in headers:
        return True
    posts_go_to = headers.raw("list-post")
    return posts_go_to is not None and address in map(unquote, _POSTS_GO_TO.findall(posts_go_to.lower()))
