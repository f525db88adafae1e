"""One connection to the listener: who may send, what is taken, and what is answered."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial

from aiosmtpd.smtp import SMTP, Envelope, Session

from core.errors import PostroomError
from core.local_names import read_local_names
from core.mail.strict_address import strict_address
from core.outbound.listener.desk import Desk
from core.outbound.listener.dialogue import TRANSFER, Room, StrictSession
from core.outbound.listener.message import Arrival
from core.outbound.listener.peer import owner_of

MOST_RECIPIENTS = 10_000
"""Recipients of one message; what is more comes as a second one."""

MOST_LOGINS = 3
"""Refused logins, after which the connection ends."""

_log = logging.getLogger("postroom.listener")


@dataclass(frozen=True)
class House:
    """What all connections share."""

    desk: Desk
    executor: Executor
    """Runs what waits for the disk."""
    host: str
    """How the listener calls itself."""
    mark: str
    """Ends the greeting; see `core.outbound.listener.port`."""
    username: str
    """Empty: no login is asked for."""
    max_size: int
    """Bytes of the largest message."""
    room: Room = field(default_factory=Room)


class ListenerSession(StrictSession):
    """One connection."""

    def __init__(self, house: House, gone: Callable[[ListenerSession], None]) -> None:
        self.is_taking = False
        """Whether a message is on its way into the outbox."""
        self._house = house
        self._user = ""
        self._owner: str | None = None
        self._refused_logins = 0
        self._names = read_local_names()
        ident = f"ESMTP Postroom {house.mark}"
        super().__init__(host=house.host, ident=ident, max_size=house.max_size, room=house.room, gone=gone)

    async def close_down(self) -> None:
        """Say that we go, where nobody waits for another reply."""
        if self.transport is not None and not self.is_taking:
            await self.push("421 4.3.2 The listener is closing; try again")
            self.transport.close()

    async def handle_EHLO(  # noqa: N802 - the library finds its hooks by these names
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """What is offered: AUTH only where there is a login."""
        session.host_name = hostname
        kept = [line for line in responses if not line.startswith(("250-AUTH", "250 HELP"))]
        login = ["250-AUTH PLAIN LOGIN"] if self._house.username else []
        return [*kept, *login, "250-PIPELINING", "250 HELP"]

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a sender, of those who are logged in where that is asked for."""
        if self._house.username and not self._user:
            return "530 5.7.0 Authentication required"
        sender = self._names.address_of(address)
        if sender != "<>" and (complaint := _complaint(sender, envelope)):
            return f"553 5.1.7 {complaint}"
        envelope.mail_from = sender  # "<>" as it is: without one the library refuses RCPT
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender ok"

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a recipient; a name without @ is a user of this machine, as `postmaster` must be (RFC 5321 §4.5.1)."""
        found = self._names.recipients_of("" if address == "<>" else address)
        for one in found:
            if complaint := _complaint(one, envelope):
                return f"553 5.1.3 {complaint}"
        if len(envelope.rcpt_tos) + len(found) > MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients: send the rest as another message"
        envelope.rcpt_tos += found
        return "250 2.1.5 Recipient ok"

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802
        """Take the message: the reply comes when it is in the outbox."""
        assert self.envelope is not None
        if await self.check_helo_needed():
            return
        if not self.envelope.rcpt_tos:
            await self.push("503 5.5.1 Error: need RCPT command")
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        # Asked while the client waits: of one that has hung up the kernel knows no more whose it was.
        owner = await self._sent_by()
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        self._reset_timeout(TRANSFER)
        content = await self.read_message()
        # Committing has deadlines of its own; the client's silence is our doing.
        self._reset_timeout(TRANSFER)
        reply = content if isinstance(content, str) else await self._taken(content, owner)
        self.let_go()
        self._reset_timeout()
        self._set_post_data_state()  # type: ignore[no-untyped-call]
        await self.push(reply)

    async def smtp_AUTH(self, arg: str | None) -> None:  # noqa: N802
        """Log in by PLAIN or LOGIN (RFC 4954): in clear, because nothing leaves this machine."""
        words = (arg or "").split()
        if not self._house.username:
            await self.push("502 5.5.1 No login is asked for here")
        elif self._user:
            await self.push("503 5.5.1 Already authenticated")
        elif not 1 <= len(words) <= 2:
            await self.push("501 5.5.4 Syntax: AUTH mechanism [initial-response]")
        elif words[0].upper() not in ("PLAIN", "LOGIN"):
            await self.push("504 5.5.4 Unrecognized authentication type")
        elif (login := await self.read_login(words[0].upper(), words[1:])) is not None:
            await self._settle_login(login)

    async def _sent_by(self) -> str:
        """Who logged in, else the system user at the other end."""
        if self._owner is None:
            assert self.transport is not None
            ends = [self.transport.get_extra_info(name) for name in ("peername", "sockname")]
            places = [(str(end[0]), int(end[1])) for end in ends if end]
            owner = ""
            if len(places) == 2:
                asking = partial(owner_of, places[0], places[1])
                owner = await self.loop.run_in_executor(self._house.executor, asking)
            self._owner = owner
        return self._user or self._owner

    async def _taken(self, content: bytes, owner: str) -> str:
        assert self.envelope is not None
        assert self.session is not None
        peer = self.session.peer
        arrival = Arrival(
            sender="" if self.envelope.mail_from == "<>" else self.envelope.mail_from or "",
            recipients=tuple(self.envelope.rcpt_tos),
            content=content,
            helo=self.session.host_name or "",
            peer=str(peer[0]) if peer else "127.0.0.1",
            protocol="ESMTPA" if self._user else "ESMTP" if self.session.extended_smtp else "SMTP",
        )
        self.is_taking = True
        try:
            taking = partial(self._house.desk.take, arrival, owner=owner)
            return await self.loop.run_in_executor(self._house.executor, taking)
        finally:
            self.is_taking = False

    async def _settle_login(self, login: tuple[bytes, bytes]) -> None:
        username = self._house.username
        try:
            is_known = await self.loop.run_in_executor(
                self._house.executor, lambda: self._house.desk.knows(username, login)
            )
        except PostroomError as error:
            _log.warning("a login could not be checked: %s", error)
            await self.push("454 4.7.0 The login cannot be checked now; try again later")
            return
        if is_known:
            self._user = username
            await self.push("235 2.7.0 Authentication successful")
            return
        self._refused_logins += 1
        _log.warning("a login at the listener was refused")
        await self.push("535 5.7.8 User name or password is wrong")
        if self._refused_logins >= MOST_LOGINS and self.transport is not None:
            self.transport.close()


def _complaint(address: str, envelope: Envelope) -> str:
    """Why an address is not taken, as a reply may hold it; empty if it is."""
    try:
        strict_address(address, allow_utf8=envelope.smtp_utf8)
    except ValueError as error:
        return " ".join(str(error).split()).encode("ascii", "replace").decode()
    return ""
