"""Ports on loopback that nobody uses at this moment."""

import os
import random
import socket
from itertools import islice

# Below Linux's range for outgoing connections (from 32768): while a server is stopped, no client takes its port.
_FIRST, _BLOCKS, _BLOCK = 20_000, 60, 200


def free_ports(host: str, wanted: int) -> list[int]:
    """So many different ports to listen on."""
    # Processes that start side by side look in different blocks: between looking and listening no other takes the port.
    start = _FIRST + os.getpid() % _BLOCKS * _BLOCK
    shuffled = random.sample(range(start, start + _BLOCK), _BLOCK)
    return list(islice((port for port in shuffled if _is_free(host, port)), wanted))


def free_port(host: str = "127.0.0.1") -> int:
    """One port to listen on."""
    return free_ports(host, 1)[0]


def _is_free(host: str, port: int) -> bool:
    try:
        socket.create_server((host, port)).close()
    except OSError:
        return False
    return True
