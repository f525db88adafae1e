"""Whose program listens at a port: the kernel tells everybody (proc(5), /proc/net/tcp), and nobody can forge it."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, ip_address
from pathlib import Path

from core.data_folder import is_shared
from core.system_users import user_name

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTENS = "0A"
_WORD = 4


def listening_user(host: str, port: int) -> int | None:
    """The id of the user whose program listens there; `None`: nobody does, or the system does not tell."""
    return user_in(kernel_tables(), host, port)


def kernel_tables() -> str:
    """All sockets of this machine, of IPv4 and IPv6, a line each; those of a table that cannot be read are left out."""
    tables = []
    for table in _TABLES:
        with suppress(OSError, ValueError):
            tables.append(table.read_text(encoding="ascii"))
    return "".join(tables)


def places(address: str, port: int) -> list[str]:
    """How these tables write it: words of 32 bits in hexadecimal, each as this machine's processor reads it.

    An IPv4 address also as a socket of IPv6 has it, for Java and others open those for everything.

    Raises:
        ValueError: that is no address.
    """
    found = ip_address(address)
    forms = [found.packed]
    if isinstance(found, IPv4Address):
        forms.append(bytes(10) + b"\xff\xff" + found.packed)
    return [f"{''.join(_words(packed))}:{port:04X}" for packed in forms]


def _words(packed: bytes) -> Iterator[str]:
    for start in range(0, len(packed), _WORD):
        yield f"{int.from_bytes(packed[start : start + _WORD], sys.byteorder):08X}"


def user_in(tables: str, host: str, port: int) -> int | None:
    """The same, by what the kernel's tables say: of this address before one that listens on all."""
    users: dict[str, int] = {}
    for line in tables.splitlines():
        _, local, _, state, *_, user = (line.split() + [""] * 8)[:8]
        if state == _LISTENS and user.isdecimal():
            users[local] = int(user)
    return next((users[place] for place in _reached_at(host, port) if place in users), None)


def may_be_ours(user: int, home: Path) -> bool:
    """Whether a program of this user may be a worker of this data folder: it must be able to work there."""
    try:
        found = home.stat()
    except OSError:
        return True  # it was moved away under those who work there: what the program says decides
    if user in {0, found.st_uid, os.geteuid()}:
        return True
    try:
        known = pwd.getpwuid(user)
    except KeyError:
        return False
    return is_shared(home) and found.st_gid in os.getgrouplist(known.pw_name, known.pw_gid)


def stranger_at(host: str, port: int, home: Path) -> str | None:
    """The name of the user whose program listens there and can be no worker of ours; `None`: that is not so."""
    user = listening_user(host, port)
    return None if user is None or may_be_ours(user, home) else user_name(user)


def _reached_at(host: str, port: int) -> list[str]:
    """Where a program can listen that is reached there: at this address, or at all of them."""
    host = "127.0.0.1" if host == "localhost" else host
    all_of_ipv4 = [] if ":" in host else places("0.0.0.0", port)  # noqa: S104 - looked for, not listened at
    return [*places(host, port), *all_of_ipv4, *places("::", port)]
