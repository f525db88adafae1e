"""The listener's server: an event loop in a thread of its own, a bounded number of connections, an orderly end."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from core.outbound.listener.desk import Desk
from core.outbound.listener.session import House, ListenerSession

MOST_CONNECTIONS = 100
"""Connections at a time; one more is asked to come again."""

WRITERS = 4
"""Messages that wait for the disk at a time."""

GRACE = 10.0
"""Seconds an end waits for the messages that are being taken."""

_READY_WITHIN = 15.0
_TURNS = 0.05
"""Seconds in which a loop that does nothing else takes many turns."""

_log = logging.getLogger("postroom.listener")


@dataclass(frozen=True)
class Place:
    """Where it listens, and on which terms."""

    host: str
    port: int
    username: str
    max_size: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class ListenerServer:
    """Listens from `start` to `stop`; used once."""

    def __init__(self, place: Place, desk: Desk, *, host: str, mark: str) -> None:
        self.place = place
        self._executor = ThreadPoolExecutor(WRITERS, thread_name_prefix="listener-writer")
        self._house = House(desk, self._executor, host or "localhost", mark, place.username, place.max_size)
        self._sessions: set[ListenerSession] = set()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None

    def start(self) -> None:
        """Listen; an `OSError` says why that cannot be."""
        listening: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(listening,), name="listener", daemon=True)
        self._thread.start()
        try:
            listening.result(_READY_WITHIN)
        except BaseException:
            self._executor.shutdown(wait=False)
            raise

    def stop(self) -> None:
        """Take no more, finish the messages whose last byte is here, say goodbye to the rest."""
        if self._thread is None or self._loop is None or self._stopping is None:
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(GRACE + _READY_WITHIN)
        self._executor.shutdown(wait=False)

    @property
    def is_alive(self) -> bool:
        """Whether it still listens."""
        return self._thread is not None and self._thread.is_alive()

    def _run(self, listening: Future[None]) -> None:
        try:
            asyncio.run(self._serve(listening))
        except BaseException as error:  # noqa: BLE001 - told to the one who waits, or logged: the thread ends either way
            if listening.done():
                _log.exception("the listener ended")
            else:
                listening.set_exception(error)

    async def _serve(self, listening: Future[None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(_note)
        self._stopping = asyncio.Event()
        server = await self._loop.create_server(self._new_session, self.place.host, self.place.port)
        listening.set_result(None)
        await self._stopping.wait()
        for listening_socket in server.sockets:
            # What was accepted and is no session yet would be forgotten unclosed by a server that closes at once.
            self._loop.remove_reader(listening_socket.fileno())
        await asyncio.sleep(_TURNS)
        server.close()
        await self._say_goodbye()
        await server.wait_closed()

    def _new_session(self) -> asyncio.Protocol:
        if len(self._sessions) >= MOST_CONNECTIONS:
            return _Busy()
        session = ListenerSession(self._house, self._sessions.discard)
        self._sessions.add(session)
        return session

    async def _say_goodbye(self) -> None:
        deadline = asyncio.get_running_loop().time() + GRACE
        while self._sessions and asyncio.get_running_loop().time() < deadline:
            for session in list(self._sessions):
                await _quietly(session.close_down)
            await asyncio.sleep(_TURNS)
        for session in list(self._sessions):
            if isinstance(session.transport, asyncio.Transport):
                session.transport.abort()
        await asyncio.sleep(_TURNS)


class _Busy(asyncio.Protocol):
    """A connection too many (RFC 5321 §3.8)."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask it to come again."""
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"421 4.3.2 Too many connections; try again\r\n")
        transport.close()


async def _quietly(action: Callable[[], object]) -> None:
    try:
        await action()  # type: ignore[misc]
    except (ConnectionError, asyncio.CancelledError):
        pass  # it went by itself


def _note(_loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """What a connection leaves behind when it breaks is of no interest; anything else is."""
    error = context.get("exception")
    if not isinstance(error, ConnectionError):
        _log.warning("%s (%s)", context.get("message"), error)
