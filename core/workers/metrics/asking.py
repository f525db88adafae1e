"""Who asks for metrics: within which time, and whether this machine is meant."""

from __future__ import annotations

import socket
from io import RawIOBase
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from core.clock import Deadline


class InTime(RawIOBase):
    """What a client says, until its time is over."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection = connection
        self._deadline = deadline

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, room: Any) -> int:
        """What has come, at least a byte unless it was the end."""
        if self._deadline.is_over():
            raise TimeoutError
        self._connection.settimeout(self._deadline.remaining())
        return self._connection.recv_into(room)


def is_named_rightly(host: str) -> bool:
    """Whether the header Host names this machine as somebody does who means it.

    A web page whose own name is made to lead to 127.0.0.1 has a browser here ask for it (DNS rebinding): then its name
    stands there. Who means us says an address, `localhost`, or this machine's name.
    """
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return False
    if name in ("", "localhost", socket.gethostname().lower()) or name.endswith(".localhost"):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
