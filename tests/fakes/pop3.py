"""A POP3 server that says what its script says (RFC 1939, RFC 2449)."""

from collections.abc import Mapping

from tests.fakes.imap import RAW
from tests.fakes.scripted import ScriptedServer
from tests.fakes.steps import GREETING, Cut, Reply


def retrieved(raw: bytes = RAW) -> bytes:
    """The answer to RETR: the message with stuffed dots, and the final one."""
    lines = raw.removesuffix(b"\r\n").split(b"\r\n")
    stuffed = b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines)
    return f"+OK {len(raw)} octets\r\n".encode() + stuffed + b"\r\n.\r\n"


GOOD: Mapping[str, Reply] = {
    GREETING: ["+OK ready"],
    "CAPA": ["+OK", "USER", "UIDL", "TOP", "PIPELINING", "RESP-CODES", "."],
    "USER": ["+OK"],
    "PASS": ["+OK logged in"],
    "STAT": [f"+OK 1 {len(RAW)}"],
    "LIST": lambda command: [f"+OK 1 {len(RAW)}"] if " " in command.text else ["+OK 1 messages", f"1 {len(RAW)}", "."],
    "UIDL": lambda command: ["+OK 1 one"] if " " in command.text else ["+OK", "1 one", "."],
    "RETR": [retrieved()],
    "TOP": [retrieved()],
    "DELE": ["+OK marked"],
    "NOOP": ["+OK"],
    "RSET": ["+OK"],
    "QUIT": ["+OK bye", Cut()],
}
"""A server with one message; a script replaces single entries."""


class ScriptedPop3(ScriptedServer):
    """Keys are the commands: `USER`, `UIDL`, `RETR`, …."""

    good = GOOD
    unknown = ("-ERR not in the script",)
