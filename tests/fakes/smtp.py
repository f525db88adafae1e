"""An SMTP server that says what its script says (RFC 5321)."""

from collections.abc import Mapping

from tests.fakes.scripted import ScriptedServer
from tests.fakes.steps import GREETING, Cut, Reply, TakeMessage

GOOD: Mapping[str, Reply] = {
    GREETING: ["220 scripted.example.com ESMTP"],
    "EHLO": ["250-scripted.example.com", "250-PIPELINING", "250-8BITMIME", "250 AUTH PLAIN LOGIN"],
    "HELO": ["250 scripted.example.com"],
    "AUTH": ["235 2.7.0 ok"],
    "MAIL": ["250 2.1.0 ok"],
    "RCPT": ["250 2.1.5 ok"],
    "DATA": ["354 go on", TakeMessage(), "250 2.0.0 taken"],
    "RSET": ["250 2.0.0 ok"],
    "NOOP": ["250 2.0.0 ok"],
    "QUIT": ["221 2.0.0 bye", Cut()],
}
"""A server that takes everything; a script replaces single entries."""


class ScriptedSmtp(ScriptedServer):
    """Keys are the commands: `EHLO`, `MAIL`, `RCPT`, `DATA`, …."""

    good = GOOD
    unknown = ("500 5.5.1 not in the script",)
