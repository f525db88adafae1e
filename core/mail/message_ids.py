"""Message-IDs (RFC 5322 3.6.4): what names a message in threads, well formed or not. Never proof of a duplicate."""

import os
import re

from core.mail.strict_address import ascii_domain

_ONE = re.compile(r"\s*+(<[^<>\s]{1,996}+>)\s*+")
"""The form of nearly all fields that name one."""

_IN_ANGLES = re.compile(r"<([^<>]*+)>")
_BARE = re.compile(r"[^\s<>\"',;()@]++@[^\s<>\"',;()@]++")
_SPACE = re.compile(r"\s+")
_LONGEST_ID = 998
_MOST_IDS = 1000


def read_message_ids(value: str | None) -> tuple[str, ...]:
    """The Message-IDs of a field in their order, with their angle brackets, each once.

    Read are also those with brackets inside, folded in the middle, or without angle brackets.
    """
    if not value:
        return ()
    if one := _ONE.fullmatch(value):
        return (one[1],)
    found = [_SPACE.sub("", inner) for inner in _IN_ANGLES.findall(value)]
    found = [inner for inner in found if inner] or _without_angles(value)
    ids = dict.fromkeys(f"<{inner}>" for inner in found if len(inner) <= _LONGEST_ID - 2)
    return tuple(ids)[:_MOST_IDS]


def new_message_id(domain: str) -> str:
    """A Message-ID that nobody has used, in angle brackets; `ValueError` if the domain is none."""
    return f"<{os.urandom(16).hex()}@{ascii_domain(domain)}>"


def _without_angles(value: str) -> list[str]:
    words = value.replace("<", " ").replace(">", " ").split()
    if len(words) == 1:
        return words
    return [word for word in words if _BARE.fullmatch(word)]
