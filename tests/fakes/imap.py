"""An IMAP server that says what its script says (RFC 3501)."""

import re
import time
from collections.abc import Callable, Mapping
from typing import BinaryIO

from tests.fakes.scripted import ScriptedServer
from tests.fakes.steps import GREETING, Command, Cut, Reply

RAW = b"From: ada@example.org\r\nSubject: hello\r\n\r\nhello\r\n"
"""The one message that the good server holds, as UID 1."""


def fetched(
    uid: int, raw: bytes | None = RAW, *, announced: int | None = None, size: int | None = None, upto: int | None = None
) -> bytes:
    """A FETCH response; it may lie about the literal's length or the size, break off inside, or have a NIL body."""
    size = size if size is not None else len(raw or b"")
    head = f"* {uid} FETCH (UID {uid} FLAGS () RFC822.SIZE {size} BODY[] ".encode()
    if raw is None:
        return head + b"NIL)\r\n"
    literal = head + f"{{{len(raw) if announced is None else announced}}}\r\n".encode()
    return literal + raw + b")\r\n" if upto is None else literal + raw[:upto]


GOOD: Mapping[str, Reply] = {
    GREETING: ["* OK [CAPABILITY IMAP4rev1 UIDPLUS MOVE IDLE AUTH=PLAIN] ready"],
    "CAPABILITY": ["* CAPABILITY IMAP4rev1 UIDPLUS MOVE IDLE AUTH=PLAIN", "$tag OK done"],
    "LOGIN": ["$tag OK logged in"],
    "AUTHENTICATE": ["$tag NO [AUTHENTICATIONFAILED] scripted server wants LOGIN"],
    "LIST": [r'* LIST (\HasNoChildren) "/" INBOX', "$tag OK done"],
    "STATUS": ["* STATUS INBOX (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 1 UNSEEN 1)", "$tag OK done"],
    "SELECT": [
        "* 1 EXISTS",
        "* 0 RECENT",
        r"* FLAGS (\Seen \Deleted)",
        "* OK [UIDVALIDITY 1] valid",
        "* OK [UIDNEXT 2] next",
        "$tag OK [READ-WRITE] selected",
    ],
    "EXAMINE": ["* 1 EXISTS", "* OK [UIDVALIDITY 1] valid", "* OK [UIDNEXT 2] next", "$tag OK [READ-ONLY] selected"],
    "UID SEARCH": ["* SEARCH 1", "$tag OK done"],
    "UID FETCH": [fetched(1), "$tag OK done"],
    "UID STORE": ["$tag OK done"],
    "UID MOVE": ["* OK [COPYUID 1 1 1] moved", "* 1 EXPUNGE", "$tag OK done"],
    "UID EXPUNGE": ["* 1 EXPUNGE", "$tag OK done"],
    "NOOP": ["$tag OK done"],
    "CLOSE": ["$tag OK done"],
    "UNSELECT": ["$tag OK done"],
    "LOGOUT": ["* BYE bye", "$tag OK done", Cut()],
}
"""A server with one message; a script replaces single entries. `tag OK` needs a text: imaplib breaks off without."""


class ScriptedImap(ScriptedServer):
    """Keys are `LOGIN`, `SELECT`, `UID FETCH`, …; a literal in a command becomes part of its text."""

    good = GOOD
    unknown = ("$tag BAD not in the script",)

    def command(self, line: bytes, connection: int) -> Command:
        text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
        tag, _, rest = text.partition(" ")
        words = rest.upper().split(" ")
        key = " ".join(words[:2]) if words[0] == "UID" else words[0]
        return Command(connection, time.monotonic(), tag, key, rest)

    def read_command(self, stream: BinaryIO, send: Callable[[bytes], None]) -> bytes:
        line = stream.readline(1_000_000)
        while found := re.search(rb"\{(\d+)(\+?)\}\r\n$", line):
            if not found[2]:
                send(b"+ go on\r\n")
            line += stream.read(int(found[1])) + stream.readline(1_000_000)
        return line
