"""Whose program listens at a port: the kernel tells everybody (proc(5), /proc/net/tcp), and nobody can forge it."""

from __future__ import annotations

import os
import pwd
import socket
import sys
from contextlib import suppress
from pathlib import Path

from core.data_folder import is_shared
from core.system_users import user_name

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTENS = "0A"
_WORD = 4


def listening_user(host: str, port: int) -> int | None:
    """The id of the user whose program listens there; `None`: nobody does, or the system does not tell."""
    tables = []
    for table in _TABLES:
        with suppress(OSError):
            tables.append(table.read_text())
    return user_in("".join(tables), host, port)


def user_in(tables: str, host: str, port: int) -> int | None:
    """The same, by what the kernel's tables say: of this address before one that listens on all."""
    users: dict[str, int] = {}
    for line in tables.splitlines():
        _, local, _, state, *_, user = (line.split() + [""] * 8)[:8]
        if state == _LISTENS and user.isdecimal():
            users[local] = int(user)
    return next((users[place] for place in _places(host, port) if place in users), None)


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


def _places(host: str, port: int) -> list[str]:
    """How the tables write an address of this machine, and those on which it is reached as well."""
    host = "127.0.0.1" if host == "localhost" else host
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    addresses = [socket.inet_pton(family, host), bytes(4), bytes(16)]
    return [f"{_in_words(address)}:{port:04X}" for address in addresses]


def _in_words(address: bytes) -> str:
    """Words of 32 bits, each as this machine's processor reads it."""
    words = (address[at : at + _WORD] for at in range(0, len(address), _WORD))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)
