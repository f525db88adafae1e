"""Ports on loopback that nobody uses at this moment, and that nobody else is given until they are used."""

import os
import random
import socket
import sys
from collections import deque
from itertools import islice

# Below Linux's range for outgoing connections (from 32768): while a server is stopped, no client takes its port.
_CHOICE = range(20_000, 32_000)
_KEPT = 128
_reservations: deque[int] = deque()
"""Descriptors, which the end of the process closes."""


def free_ports(host: str, wanted: int) -> list[int]:
    """So many different ports to listen on; the last 128 given stay reserved for those who asked, on Linux."""
    shuffled = random.sample(_CHOICE, len(_CHOICE))
    return list(islice((port for port in shuffled if _reserve(host, port)), wanted))


def free_port(host: str = "127.0.0.1") -> int:
    """One port to listen on."""
    return free_ports(host, 1)[0]


def _reserve(host: str, port: int) -> bool:
    """Take this port if nobody has it, in a way that leaves it to a server and to no other who looks for one."""
    # Bound without SO_REUSEADDR, which whoever else has bound it refuses; then with it, as every server binds: Linux
    # lets two such sockets have one port as long as only one of them listens (man 7 socket).
    reservation = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        reservation.bind((host, port))
    except OSError:
        reservation.close()
        return False
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _reservations.append(reservation.detach())
    while _reservations and (sys.platform != "linux" or len(_reservations) > _KEPT):
        os.close(_reservations.popleft())
    return True
