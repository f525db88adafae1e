"""Which messages a folder holds, by UID (RFC 3501 §6.4.4), with servers that list or tell less than there is."""

from __future__ import annotations

from collections.abc import Iterable

from core.protocols.imap.dialogue import ImapDialogue
from core.protocols.imap.text import sequence_sets

_USUAL_LENGTH = 8
_MOST_EXPECTED = 1024 * 1024
"""Bytes: the server's own count must not give it hours."""


def listed(dialogue: ImapDialogue, exists: int, above: int) -> list[int]:
    """The UIDs above this one, ascending, of a folder that is said to hold so many messages."""
    # `n:*` always names the last message too.
    criterion = b"UID %d:*" % (above + 1) if above else b"ALL"
    expected = min(exists * _USUAL_LENGTH, _MOST_EXPECTED)
    uids = {uid for uid in dialogue.search(criterion, expected=expected) if uid > above}
    if not above and uids:
        uids |= _held_back(dialogue, exists, uids)
    return sorted(uids)


def present(dialogue: ImapDialogue, uids: Iterable[int]) -> frozenset[int]:
    """Which of these are in the folder."""
    return frozenset(uid for chunk in sequence_sets(uids) for uid in dialogue.search(b"UID " + chunk))


def newest(dialogue: ImapDialogue) -> int:
    """The UID of the last message; 0 if the server does not tell."""
    return max(dialogue.search(b"*"), default=0)


def _held_back(dialogue: ImapDialogue, exists: int, uids: set[int]) -> set[int]:
    """What there is besides, where fewer are listed than there are: some servers end a search after so many."""
    found: set[int] = set()
    more = uids
    while more and len(uids) + len(found) < exists:
        known = uids | found
        first, last = min(known), max(known)
        around = ([b"UID 1:%d" % (first - 1)] if first > 1 else []) + [b"UID %d:*" % (last + 1)]
        more = {uid for criterion in around for uid in dialogue.search(criterion)} - known
        found |= more
    return found
