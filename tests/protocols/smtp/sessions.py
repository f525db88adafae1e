"""Connections to a sink, and messages handed over on them."""

from collections.abc import Callable, Sequence

from core.protocols.server import Login, Server
from core.protocols.smtp.connection import SmtpConnection
from core.protocols.smtp.submission import SubmitResult
from core.protocols.steps import waited
from core.protocols.tls import Security, TlsTrust
from core.secret import Secret
from tui.demo.sink import SmtpSink

RAW = b"Subject: x\r\n\r\nhello\r\n.\r\n..dots\r\n"
LOGIN = Login("ann", Secret("canary-3b7"))
Opened = Callable[..., SmtpConnection]


def place(sink: SmtpSink, security: Security = Security.NONE, trust: TlsTrust | None = None) -> Server:
    return Server("localhost", sink.port, security, trust or TlsTrust())


def hand_over(connection: SmtpConnection, *recipients: str, raw: bytes = RAW) -> SubmitResult:
    return connection.submit("from@example.com", recipients or ("to@example.com",), raw)


def hand_over_all(connection: SmtpConnection, mails: Sequence[tuple[str, list[str], bytes]]) -> list[SubmitResult]:
    """One after the other, each envelope ahead where that is allowed."""
    prepared = [connection.prepared(*mail) for mail in mails]
    following = [*prepared[1:], None]
    return [waited(connection.running(*each)) for each in zip(prepared, following, strict=True)]
