"""Which system user is at the other end of a connection on this machine, as the kernel keeps it."""

from __future__ import annotations

import socket
import sys
from ipaddress import ip_address
from pathlib import Path

from core.system_users import user_name

_TABLES = {4: Path("/proc/net/tcp"), 6: Path("/proc/net/tcp6")}
_LOCAL, _UID = 1, 7
"""Columns of the kernel's table (proc(5)): each connection on loopback stands there twice, once for either end."""


def owner_of(peer: tuple[str, int]) -> str:
    """The name of the user whose socket has this address and port; empty where it cannot be known."""
    try:
        address = ip_address(peer[0])
        wanted = f"{_as_the_kernel_writes(peer[0])}:{peer[1]:04X}"
        rows = _TABLES[address.version].read_text(encoding="ascii").splitlines()[1:]
    except (OSError, ValueError, KeyError):
        return ""
    for columns in map(str.split, rows):
        if len(columns) > _UID and columns[_LOCAL] == wanted and columns[_UID].isdigit():
            return user_name(int(columns[_UID]))
    return ""


def _as_the_kernel_writes(address: str) -> str:
    """Hexadecimal, each group of four bytes in the order of this machine."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    packed = socket.inet_pton(family, address)
    words = (packed[start : start + 4] for start in range(0, len(packed), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)
