"""How messages leave an IMAP folder: exactly those that were named, whatever others have marked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from core.errors import NoSuchFolder, WireError
from core.failpoints import fp
from core.protocols.imap.answer import Asked
from core.protocols.imap.dialogue import ImapDialogue
from core.protocols.imap.listing import present
from core.protocols.imap.namespace import about
from core.protocols.imap.text import folder_name, sequence_sets
from core.text import counted

_MARKED_BY_OTHERS = (
    "The server cannot remove single messages (no UIDPLUS), and {others} marked as deleted: ours stay"
    " marked until those are gone."
)
_NOT_MOVED = (
    "The server cannot move or remove single messages (no MOVE, no UIDPLUS), and {others} marked as"
    " deleted: nothing was moved."
)


def store(dialogue: ImapDialogue, uids: Iterable[int], flags: bytes) -> None:
    """Add flags, without the server telling each message's flags back."""
    for chunk in sequence_sets(uids):
        dialogue.command(b"UID STORE", chunk, b"+FLAGS.SILENT", flags, phase="mark")


@dataclass(frozen=True)
class Removed:
    """What came of a removal."""

    still: frozenset[int]
    """The UIDs that are there still: servers say OK to what they keep, only a look tells."""
    note: str = ""
    """A sentence why, if the server said it."""


def expunge(dialogue: ImapDialogue, uids: Sequence[int]) -> Removed:
    """Remove exactly these."""
    if dialogue.offers("UIDPLUS"):
        return Removed(frozenset().union(*(_expunged(dialogue, chunk) for chunk in sequence_sets(uids))))
    store(dialogue, uids, b"(\\Deleted)")
    fp("K5")
    # A plain EXPUNGE removes whatever anyone has marked (RFC 3501 §6.4.3).
    others = _marked_besides(dialogue, uids)
    if not others:
        dialogue.command(b"EXPUNGE", phase="delete")
    return Removed(present(dialogue, uids), _MARKED_BY_OTHERS.format(others=_counted(others)) if others else "")


def copy_or_move(dialogue: ImapDialogue, uids: Sequence[int], target: str) -> Removed:
    """Put exactly these into another folder, which is made if it is missing."""
    if dialogue.offers("MOVE"):
        with about(dialogue, target):
            return Removed(frozenset().union(*(_moved(dialogue, chunk, target) for chunk in sequence_sets(uids))))
    # Looked up before copying: what cannot be removed afterwards would be copied again by each run.
    if not dialogue.offers("UIDPLUS") and (others := _marked_besides(dialogue, uids)):
        return Removed(present(dialogue, uids), _NOT_MOVED.format(others=_counted(others)))
    with about(dialogue, target):
        for chunk in sequence_sets(uids):
            _into(dialogue, b"UID COPY", chunk, target)
    return expunge(dialogue, uids)


def _counted(others: Collection[int]) -> str:
    return counted(len(others), "other message is", "other messages are")


# What belongs together is said together: far from the server each answer that is waited for costs as much as a batch.


def _expunged(dialogue: ImapDialogue, chunk: bytes) -> set[int]:
    """Mark, remove and look; gives back what is there still. Should marking be refused, nothing is marked to remove."""
    marking = dialogue.ask(b"UID STORE", chunk, b"+FLAGS.SILENT", b"(\\Deleted)", phase="mark")
    fp("K5")
    removing = dialogue.ask(b"UID EXPUNGE", chunk, phase="delete")
    looking = dialogue.ask_search(b"UID " + chunk)
    for asked in (marking, removing):
        dialogue.take(asked)
    return _seen(dialogue, chunk, looking)


def _moved(dialogue: ImapDialogue, chunk: bytes, target: str) -> set[int]:
    moving = dialogue.ask(b"UID MOVE", chunk, folder_name(target), phase="move")
    looking = dialogue.ask_search(b"UID " + chunk)
    try:
        dialogue.take(moving)
    except NoSuchFolder:
        _into(dialogue, b"UID MOVE", chunk, target)
        looking = dialogue.ask_search(b"UID " + chunk)
    return _seen(dialogue, chunk, looking)


def _seen(dialogue: ImapDialogue, chunk: bytes, looking: Asked) -> set[int]:
    """What the look has found; a server that works on several commands at a time may have said it at another one.

    What it did not look at must not be taken for gone.
    """
    if not dialogue.take(looking).lines(prefix=b"SEARCH") or dialogue.searched_down_to(looking):
        return set(dialogue.search(b"UID " + chunk))
    return set(dialogue.found(looking))


def _into(dialogue: ImapDialogue, verb: bytes, chunk: bytes, target: str) -> None:
    name = folder_name(target)
    try:
        dialogue.command(verb, chunk, name, phase="move")
    except NoSuchFolder:
        refused = _create(dialogue, name)
        try:
            dialogue.command(verb, chunk, name, phase="move")
        except NoSuchFolder as error:
            raise refused or error from None


def _create(dialogue: ImapDialogue, name: bytes) -> WireError | None:
    """Make a folder; gives back what the server said against it, which may only be that another worker was quicker."""
    try:
        dialogue.command(b"CREATE", name, phase="create")
    except WireError as error:
        if dialogue.wire.broken:
            raise
        return error
    return None


def _marked_besides(dialogue: ImapDialogue, uids: Sequence[int]) -> set[int]:
    # What other clients have marked is told to a session only when it lets the server speak; SEARCH alone is stale.
    dialogue.command(b"NOOP", phase="delete")
    return set(dialogue.search(b"DELETED")) - set(uids)
