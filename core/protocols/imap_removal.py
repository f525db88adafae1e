"""How messages leave an IMAP folder: exactly those that were named, whatever others have marked."""

from __future__ import annotations

from collections.abc import Iterable

from core.errors import NoSuchFolder, WireError
from core.failpoints import fp
from core.protocols.imap_dialogue import ImapDialogue
from core.protocols.imap_text import folder_name, sequence_sets
from core.protocols.refusals import response_code

_MARKED_BY_OTHERS = (
    "The server cannot remove single messages (no UIDPLUS), and {count} other messages are marked as deleted: ours stay"
    " marked until those are gone."
)
_NOT_MOVED = (
    "The server cannot move or remove single messages (no MOVE, no UIDPLUS), and {count} other messages are marked as"
    " deleted: nothing was moved."
)


def store(dialogue: ImapDialogue, uids: Iterable[int], flags: bytes) -> None:
    """Add flags, without the server telling each message's flags back."""
    for chunk in sequence_sets(uids):
        dialogue.command(b"UID STORE", chunk, b"+FLAGS.SILENT", flags, phase="mark")


def present(dialogue: ImapDialogue, uids: Iterable[int]) -> set[int]:
    """Which of these are in the folder."""
    return {uid for chunk in sequence_sets(uids) for uid in dialogue.search(b"UID " + chunk)}


def expunge(dialogue: ImapDialogue, uids: list[int]) -> str:
    """Remove exactly these; gives back why not, if not."""
    store(dialogue, uids, b"(\\Deleted)")
    fp("K5")
    if dialogue.offers("UIDPLUS"):
        for chunk in sequence_sets(uids):
            dialogue.command(b"UID EXPUNGE", chunk, phase="delete")
        return ""
    # A plain EXPUNGE removes whatever anyone has marked (RFC 3501 §6.4.3).
    if others := _marked_besides(dialogue, uids):
        return _MARKED_BY_OTHERS.format(count=len(others))
    dialogue.command(b"EXPUNGE", phase="delete")
    return ""


def copy_or_move(dialogue: ImapDialogue, uids: list[int], target: str) -> str:
    """Put exactly these into another folder, which is made if it is missing; gives back why not, if not."""
    if dialogue.offers("MOVE"):
        for chunk in sequence_sets(uids):
            _into(dialogue, b"UID MOVE", chunk, target)
        return ""
    # Looked up before copying: what cannot be removed afterwards would be copied again by each run.
    if not dialogue.offers("UIDPLUS") and (others := _marked_besides(dialogue, uids)):
        return _NOT_MOVED.format(count=len(others))
    for chunk in sequence_sets(uids):
        _into(dialogue, b"UID COPY", chunk, target)
    return expunge(dialogue, uids)


def _into(dialogue: ImapDialogue, verb: bytes, chunk: bytes, target: str) -> None:
    name = folder_name(target)
    try:
        dialogue.command(verb, chunk, name, phase="move")
    except NoSuchFolder:
        _create(dialogue, name)
        dialogue.command(verb, chunk, name, phase="move")


def _create(dialogue: ImapDialogue, name: bytes) -> None:
    try:
        dialogue.command(b"CREATE", name, phase="create")
    except WireError as error:
        # Another worker was quicker.
        if dialogue.wire.broken or response_code(error.reply) != "ALREADYEXISTS":
            raise


def _marked_besides(dialogue: ImapDialogue, uids: list[int]) -> set[int]:
    # What other clients have marked is told to a session only when it lets the server speak; SEARCH alone is stale.
    dialogue.command(b"NOOP", phase="delete")
    return set(dialogue.search(b"DELETED")) - set(uids)
