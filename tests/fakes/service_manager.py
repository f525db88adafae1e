"""A service manager's side of sd_notify(3): the socket that a service tells its state to."""

import socket

from tests.waiting import PATIENCE


class Ear:
    """A service manager's socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0", 1))
        self._socket.settimeout(PATIENCE)

    def hear(self) -> list[str]:
        """The assignments of the next message."""
        return self._socket.recv(4096).decode().splitlines()

    def hear_until(self, wanted: str) -> list[str]:
        """The first message that holds this assignment."""
        while wanted not in (heard := self.hear()):
            pass
        return heard

    def close(self) -> None:
        self._socket.close()
