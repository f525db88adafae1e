"""A scripted IMAP server with more than one message, for what a real server will not do with them."""

from collections.abc import Mapping, MutableMapping

from tests.fakes.imap import fetched
from tests.fakes.steps import GREETING, Command, Reply, Step


def holding(mails: MutableMapping[int, bytes | None], changes: Mapping[str, Reply] | None = None) -> dict[str, Reply]:
    """A script for these messages by UID, which may change meanwhile; `None`: the server has no body for it (NIL).

    `changes` replace single commands. Passwords are taken by LOGIN.
    """

    def select(command: Command) -> list[Step]:
        mode = "READ-WRITE" if command.key == "SELECT" else "READ-ONLY"
        uidnext = f"* OK [UIDNEXT {max(mails, default=0) + 1}] next"
        return [f"* {len(mails)} EXISTS", "* OK [UIDVALIDITY 1] valid", uidnext, f"$tag OK [{mode}] selected"]

    def status(command: Command) -> list[Step]:
        uidnext = max(mails, default=0) + 1
        return [f"* STATUS INBOX (MESSAGES {len(mails)} UIDNEXT {uidnext} UIDVALIDITY 1)", "$tag OK done"]

    def search(command: Command) -> list[Step]:
        words = command.text.split()
        uids = sorted(mails)
        whole = {"ALL": uids, "*": uids[-1:]}
        found = whole[words[-1]] if words[-1] in whole else [uid for uid in uids if is_named(uid, words[-1])]
        return [f"* SEARCH {' '.join(map(str, found))}", "$tag OK done"]

    def bodies(command: Command) -> list[Step]:
        named = [uid for uid in sorted(mails) if is_named(uid, command.text.split()[2])]
        if "BODY.PEEK" not in command.text:
            sizes = [f"* {uid} FETCH (UID {uid} RFC822.SIZE {len(mails[uid] or b'x')})" for uid in named]
            return [*sizes, "$tag OK done"]
        return [*(fetched(uid, mails[uid], size=len(mails[uid] or b"x")) for uid in named), "$tag OK done"]

    def expunge(command: Command) -> list[Step]:
        gone = [uid for uid in sorted(mails) if is_named(uid, command.text.split()[2])]
        for uid in gone:
            del mails[uid]
        return ["$tag OK done"]

    greeting: dict[str, Reply] = {
        GREETING: ["* OK [CAPABILITY IMAP4rev1 UIDPLUS MOVE] ready"],
        "CAPABILITY": ["* CAPABILITY IMAP4rev1 UIDPLUS MOVE", "$tag OK done"],
        "LOGIN": ["$tag OK logged in"],
    }
    looks = {"SELECT": select, "EXAMINE": select, "STATUS": status}
    answers = {**looks, "UID SEARCH": search, "UID FETCH": bodies, "UID EXPUNGE": expunge}
    return {**greeting, **answers, **(changes or {})}


def is_named(uid: int, sequence: str) -> bool:
    """Whether a sequence set (RFC 3501 §9) names this UID; `*` counts as endless."""
    for part in sequence.split(","):
        first, _, last = part.partition(":")
        if first.isdigit() and int(first) <= uid <= (2**32 if last == "*" else int(last or first)):
            return True
    return False
