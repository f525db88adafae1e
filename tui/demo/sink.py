"""An SMTP server that takes mail, keeps it in a ledger and passes nothing on."""

import asyncio
import ssl
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tui.demo.certificates import ServerCertificate
from tui.demo.ledger import Delivered, append
from tui.demo.ports import free_port
from tui.demo.sink_session import Security, SinkSession

READY_WITHIN = 60.0
"""Seconds for a start or a stop, both of which take milliseconds."""


class SmtpSink:
    """A sink in a thread of its own; it can be stopped and started on the same port."""

    session_class: type[SinkSession] = SinkSession

    def __init__(
        self,
        security: Security = Security.NONE,
        certificate: ServerCertificate | None = None,
        users: Mapping[str, str] | None = None,
        *,
        auth_required: bool = False,
        ledger: Path | None = None,
        size_limit: int = 33_554_432,
    ) -> None:
        self.security = security
        self.server_context: ssl.SSLContext | None = certificate.server_context() if certificate else None
        self.users = dict(users or {})
        self.auth_required = auth_required
        self.size_limit = size_limit
        self.host = "127.0.0.1"
        self.port = free_port(self.host)
        self.connections = 0
        self.complaints: list[str] = []
        """What the event loop found wrong, such as a handshake that a client broke off."""
        self._ledger = ledger
        self._deliveries: list[Delivered] = []
        self._arrived = threading.Condition()
        self._sessions: list[SinkSession] = []
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def deliveries(self) -> list[Delivered]:
        """What was taken so far, oldest first."""
        with self._arrived:
            return list(self._deliveries)

    def wait_for(self, messages: int, within: float = 60.0) -> list[Delivered]:
        """What was taken, as soon as it is at least so many messages, or when the time is over."""
        deadline = time.monotonic() + within
        with self._arrived:
            self._arrived.wait_for(lambda: len(self._deliveries) >= messages, deadline - time.monotonic())
            return list(self._deliveries)

    def start(self) -> None:
        """Listen; a port that is taken is an OSError."""
        listening: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(listening,), name="smtp-sink", daemon=True)
        self._thread.start()
        listening.result(READY_WITHIN)

    def stop(self) -> None:
        """Close the port and all connections; the ledger stays."""
        if self._thread is None or self._loop is None or self._stopping is None:
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(READY_WITHIN)
        self._thread = None

    def keep(self, delivered: Delivered) -> None:
        """Write a message to the ledger, synced, and then to `deliveries`."""
        if self._ledger is not None:
            append(self._ledger, delivered)
        with self._arrived:
            self._deliveries.append(delivered)
            self._arrived.notify_all()

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, credentials: Any
    ) -> AuthResult:
        """Compare name and password with `users`."""
        is_known = (
            isinstance(credentials, LoginPassword)
            and self.users.get(credentials.login.decode(errors="replace"))
            == credentials.password.decode(errors="replace")
            and bool(self.users)
        )
        return AuthResult(success=is_known, handled=False, auth_data=credentials if is_known else None)

    def _run(self, listening: "Future[None]") -> None:
        try:
            asyncio.run(self._serve(listening))
        except OSError as error:
            listening.set_exception(error)

    async def _serve(self, listening: "Future[None]") -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(lambda _loop, context: self.complaints.append(str(context)))
        self._stopping = asyncio.Event()
        context = self.server_context if self.security is Security.TLS else None
        server = await self._loop.create_server(self._new_session, self.host, self.port, ssl=context)
        listening.set_result(None)
        await self._stopping.wait()
        server.close()
        for session in self._sessions:
            if isinstance(session.transport, asyncio.Transport):
                session.transport.abort()
        self._sessions.clear()
        await server.wait_closed()

    def _new_session(self) -> SinkSession:
        self.connections += 1
        session = self.session_class(self, self.connections)
        self._sessions = [each for each in self._sessions if each.transport is not None]
        self._sessions.append(session)
        return session
