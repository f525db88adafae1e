"""Which system user is at the other end of a connection on this machine, as the kernel keeps it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from ipaddress import IPv4Address, ip_address
from pathlib import Path

from core.system_users import user_name

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LOCAL, _REMOTE, _UID, _INODE = 1, 2, 7, 9
"""Columns of the kernel's tables (proc(5)): each connection on loopback stands there twice, once for either end."""
_NOBODYS = "0"
"""The inode of a socket that no process has any more; its user is given as 0 too, which is root."""

Place = tuple[str, int]
"""Address and port."""


def owner_of(peer: Place, here: Place) -> str:
    """The name of the user who has the other end open; empty where it cannot be known.

    Args:
        peer: the other end.
        here: our end of the same connection.
    """
    return owner_in("".join(_tables()), peer, here)


def owner_in(tables: str, peer: Place, here: Place) -> str:
    """The same, by what the kernel's tables say."""
    try:
        wanted = set(zip(_as_the_kernel_writes(*peer), _as_the_kernel_writes(*here), strict=False))
    except ValueError:
        return ""
    for columns in map(str.split, tables.splitlines()):
        if len(columns) > _INODE and (columns[_LOCAL], columns[_REMOTE]) in wanted and columns[_INODE] != _NOBODYS:
            return user_name(int(columns[_UID])) if columns[_UID].isdecimal() else ""
    return ""


def _tables() -> Iterator[str]:
    for table in _TABLES:
        try:
            yield table.read_text(encoding="ascii")
        except (OSError, ValueError):
            continue


def _as_the_kernel_writes(address: str, port: int) -> Iterator[str]:
    """Hexadecimal, each group of four bytes in the order of this machine.

    An IPv4 address also as a socket of IPv6 has it, for Java and others open those for everything.
    """
    found = ip_address(address)
    forms = [found.packed]
    if isinstance(found, IPv4Address):
        forms.append(bytes(10) + b"\xff\xff" + found.packed)
    for packed in forms:
        words = (packed[start : start + 4] for start in range(0, len(packed), 4))
        yield "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words) + f":{port:04X}"
