"""Which system user is at the other end of a connection on this machine, as the kernel keeps it."""

from __future__ import annotations

from core.outbound.listener.owner import kernel_tables, places
from core.system_users import user_name

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
    return owner_in(kernel_tables(), peer, here)


def owner_in(tables: str, peer: Place, here: Place) -> str:
    """The same, by what the kernel's tables say."""
    try:
        wanted = set(zip(places(*peer), places(*here), strict=False))
    except ValueError:
        return ""
    for columns in map(str.split, tables.splitlines()):
        if len(columns) > _INODE and (columns[_LOCAL], columns[_REMOTE]) in wanted and columns[_INODE] != _NOBODYS:
            return user_name(int(columns[_UID])) if columns[_UID].isdecimal() else ""
    return ""
