"""A listener at work on a home of its own, and ways to speak to it."""

import smtplib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select

from core.db.bulk import table_of
from core.handles import Handles
from core.models import OutgoingRaw
from core.outbound.listener.listener import Listener
from core.services import settings
from core.services.actor import Actor
from tests.waiting import PATIENCE, until
from tests.workers.working import at_work as part_at_work
from tui.demo.ports import free_port

MAIL = b"From: app@example.org\r\nTo: b@example.net\r\nSubject: x\r\n\r\nHello.\r\n"


class Listening:
    """A listener at work, and ways to speak to it."""

    def __init__(self, handles: Handles, port: int) -> None:
        self.handles, self.port = handles, port

    def client(self) -> smtplib.SMTP:
        return smtplib.SMTP("127.0.0.1", self.port, local_hostname="app.example", timeout=PATIENCE)

    def said(self, *pieces: bytes) -> list[str]:
        """What is answered to bytes that are sent as they are, then our half is closed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
            for piece in pieces:
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        return answer.decode().splitlines()

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
                return connection.recv(4) == b"220 "
        except OSError:
            return False

    def raws(self) -> list[bytes]:
        with self.handles.database.reading() as session:
            asked = select(table_of(OutgoingRaw).c.data).order_by("outgoing_id")
            return [bytes(raw) for raw in session.connection().scalars(asked)]


@contextmanager
def at_work(handles: Handles, admin: Actor, **given: Any) -> Iterator[Listening]:
    port = free_port("127.0.0.1")
    values = {"listener.enabled": True, "listener.port": port}
    values |= {f"listener.{name}": value for name, value in given.items()}
    settings.change(handles, admin, values)
    listening = Listening(handles, port)
    with part_at_work(lambda stop: Listener(handles, stop).run()):
        until(listening.answers)
        yield listening


def stripped(raw: bytes) -> bytes:
    """Without the trace that the listener puts on top."""
    assert raw.startswith(b"Received: from ")
    lines = raw.split(b"\r\n")
    return b"\r\n".join(lines[next(i for i, line in enumerate(lines) if i and line[:1] not in b" \t") :])
