"""What LIST, STATUS (RFC 3501 §7.2) and NAMESPACE (RFC 2342 §5) say, through imapclient's parser."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from imapclient import imap_utf7
from imapclient.exceptions import ProtocolError
from imapclient.response_parser import parse_response

from core.protocols.imap.answer import Response


@dataclass(frozen=True)
class Folder:
    """A folder on a server."""

    name: str
    """As a person reads it."""
    attributes: frozenset[str]
    """In upper case: \\NOSELECT, \\TRASH (RFC 6154) …"""

    @property
    def is_selectable(self) -> bool:
        """Whether it can hold messages, and not only other folders."""
        return not self.attributes & {"\\NOSELECT", "\\NONEXISTENT"}


class Namespace(NamedTuple):
    """Where folders lie."""

    prefix: str
    """With which their names begin."""
    delimiter: str
    """What separates a folder's name from those above it; empty: none lies below another."""


@dataclass(frozen=True)
class Namespaces:
    """Where the folders of a server lie."""

    personal: tuple[Namespace, ...]
    """The person's own."""
    foreign: tuple[str, ...]
    """The prefixes of other people's and of shared ones."""


def parse_list(untagged: Iterable[Response]) -> list[Folder]:
    """The folders in these responses; one that makes no sense is left out."""
    folders = []
    for response in untagged:
        items = _items(response, b"LIST")
        if len(items) >= 3 and isinstance(items[0], tuple):
            attributes = frozenset(_text(each).upper() for each in items[0])
            with suppress(ValueError):  # "R&D": another program gave it a name that is no modified UTF-7
                folders.append(Folder(_name(items[2]), attributes))
    return folders


def status_values(untagged: Iterable[Response]) -> dict[str, int]:
    """The numbers of a STATUS response by their names."""
    values: dict[str, int] = {}
    for response in untagged:
        items = _items(response, b"STATUS")
        pairs = items[-1] if items and isinstance(items[-1], tuple) else ()
        for name, value in zip(pairs[::2], pairs[1::2], strict=False):
            if isinstance(value, int):
                values[_text(name).upper()] = value
    return values


def parse_namespaces(untagged: Iterable[Response]) -> Namespaces:
    """The namespaces in these responses; what makes no sense is left out."""
    kinds = next(filter(None, (_items(response, b"NAMESPACE") for response in untagged)), ())
    personal, *foreign = [tuple(_namespaces(kind)) for kind in kinds] or [()]
    return Namespaces(personal, tuple(each.prefix for kind in foreign for each in kind))


def _namespaces(kind: object) -> Iterator[Namespace]:
    for each in kind if isinstance(kind, tuple) else ():
        if isinstance(each, tuple) and len(each) >= 2 and isinstance(each[0], bytes):
            with suppress(ValueError):
                yield Namespace(_name(each[0]), _text(each[1] or b""))


def _items(response: Response, verb: bytes) -> tuple[object, ...]:
    """What follows the verb; nothing if it is another response."""
    first = response[0]
    word, _, rest = (first if isinstance(first, bytes) else first[0]).partition(b" ")
    if word.upper() != verb:
        return ()
    try:
        parsed: tuple[object, ...] = parse_response(
            [rest if isinstance(first, bytes) else (rest, first[1]), *response[1:]]
        )
    except (ProtocolError, ValueError, IndexError, TypeError, RecursionError):
        return ()
    return parsed


def _name(value: object) -> str:
    # The parser makes a number of a folder that is named like one.
    name: str = imap_utf7.decode(value) if isinstance(value, bytes) else str(value)
    return name


def _text(value: object) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
