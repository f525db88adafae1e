"""One connection of the sink: aiosmtpd's session, with the answers that depend on the sink."""

import asyncio
import logging
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from aiosmtpd.smtp import SMTP, Envelope, LoginPassword, Session

from tui.demo.ledger import Delivered

if TYPE_CHECKING:
    from tui.demo.sink import SmtpSink

# The library warns of its own deprecated attribute at each login; on a console that would be written across the screen.
logging.getLogger("mail.log").setLevel(logging.CRITICAL)


class Security(StrEnum):
    """How a connection to the sink is protected."""

    NONE = "none"
    """In clear."""
    STARTTLS = "starttls"
    """In clear until STARTTLS (RFC 3207), without which only EHLO, NOOP and QUIT are taken."""
    TLS = "tls"
    """Inside TLS from the first byte (RFC 8314 §3.3)."""


class SinkSession(SMTP):
    """One connection to a sink, and the answers that depend on the sink."""

    def __init__(self, sink: "SmtpSink", number: int) -> None:
        self.sink = sink
        self.number = number
        super().__init__(
            self,
            hostname="sink.example.com",
            ident="ESMTP",
            loop=asyncio.get_running_loop(),
            data_size_limit=sink.size_limit,
            enable_SMTPUTF8=True,
            tls_context=sink.server_context if sink.security is Security.STARTTLS else None,
            require_starttls=True,
            auth_require_tls=sink.security is Security.STARTTLS,
            authenticator=sink.authenticate,
        )

    async def handle_EHLO(  # noqa: N802 - the library finds its hooks by these names
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Announce PIPELINING (RFC 2920), given for nothing by reading line by line, and AUTH where it helps."""
        session.host_name = hostname
        known = [line for line in responses if self.sink.users or not line.startswith("250-AUTH")]
        return [known[0], "250-PIPELINING", "250-ENHANCEDSTATUSCODES", *known[1:]]

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a sender, from those who are logged in when that is asked for."""
        if self.sink.auth_required and not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address  # "<>" as it is: with an empty one the library refuses RCPT
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender ok"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take the message: whoever reads 250 may be sure that it stands in the ledger."""
        login: Any = session.auth_data
        delivered = Delivered(
            sender="" if envelope.mail_from in (None, "<>") else envelope.mail_from,
            recipients=tuple(envelope.rcpt_tos),
            raw=envelope.original_content or b"",
            at=datetime.now(UTC),
            tls=self.is_tls,
            user=login.login.decode() if isinstance(login, LoginPassword) else None,
            connection=self.number,
            options=tuple(envelope.mail_options),
        )
        return await self.settle(delivered)

    async def settle(self, delivered: Delivered) -> str:
        """Keep the message and give the reply to the final dot."""
        self.sink.keep(delivered)
        return "250 2.0.0 Taken"

    async def handle_exception(self, error: Exception) -> str:
        """Remember what should not happen, and let the client come back."""
        self.sink.complaints.append(repr(error))
        return "451 4.3.0 The sink failed"

    @property
    def is_tls(self) -> bool:
        """Whether what is said now is said inside TLS."""
        return self.transport is not None and self.transport.get_extra_info("ssl_object") is not None
