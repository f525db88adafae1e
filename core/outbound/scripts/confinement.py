"""What a process gives up before it runs somebody's script: files, network, other processes, its user if that is root.

Imports nothing but the standard library and its neighbour: it runs in the script's own process. Nothing here can be
undone by the process that did it. Landlock (Linux 5.13 and later, landlock(7)) closes files; what it leaves open of
network and processes, `system_calls` closes. Where the kernel lacks both, the permissions of key and database and the
limits remain.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sysconfig
from collections.abc import Iterable

from core.outbound.scripts.system_calls import refuse_system_calls

NOBODY = 65534
"""The user and group that own nothing."""

CPU_SECONDS = 5
"""Of a processor, for one message."""

MEMORY = 256 << 20
"""Bytes of address space."""

OPEN_FILES = 64
"""At a time."""

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_GIVE_VERSION = 1
_PATH_BENEATH = 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many rights over files a version knows; later ones know as many as the fifth."""
_BIND_AND_CONNECT = 0b11
_SIGNALS_AND_ABSTRACT_SOCKETS = 0b11

_KEEP_CAPABILITIES, _NO_NEW_PRIVILEGES = 8, 38
_CAPABILITY_VERSION = 0x20080522
_MAY_READ_ALL = 1 << 2
"""CAP_DAC_READ_SEARCH."""

_ALSO_READABLE = ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/share/zoneinfo", "/dev/null", "/dev/urandom")

_libc = ctypes.CDLL(None, use_errno=True)


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def confine() -> None:
    """Give up all but reading Python's own library, for good.

    Raises:
        OSError: it cannot be done; then no script must run.
    """
    ruleset = _ruleset(libraries())
    if os.geteuid() == 0:
        _leave_root(keeps_reading=ruleset is not None)
    _checked(_libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    if ruleset is not None:
        _checked(_libc.syscall(_RESTRICT_SELF, ruleset, 0))
        os.close(ruleset)
    _limit()
    refuse_system_calls()


def libraries() -> list[str]:
    """Where Python's own modules and installed packages lie."""
    paths = sysconfig.get_paths()
    return sorted({paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")})


def landlock_version() -> int:
    """What this kernel can do; 0: nothing."""
    return max(int(_libc.syscall(_CREATE_RULESET, None, 0, _GIVE_VERSION)), 0)


def _ruleset(readable: Iterable[str]) -> int | None:
    version = landlock_version()
    if not version:
        return None
    rights = (1 << _FILE_RIGHTS.get(version, 16)) - 1
    wanted = _Ruleset(
        rights, _BIND_AND_CONNECT if version >= 4 else 0, _SIGNALS_AND_ABSTRACT_SOCKETS if version >= 6 else 0
    )
    # An older kernel knows a shorter structure, and takes a longer one as long as the rest is zero.
    ruleset = _checked(_libc.syscall(_CREATE_RULESET, ctypes.byref(wanted), ctypes.sizeof(wanted), 0))
    for path in (*readable, *_ALSO_READABLE):
        _allow(ruleset, path)
    return ruleset


def _allow(ruleset: int, path: str) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        allowed = _READ_FILE | _READ_DIR if os.path.isdir(path) else _READ_FILE  # noqa: PTH112 - no pathlib needed here
        rule = _Beneath(allowed, place)
        _checked(_libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0))
    finally:
        os.close(place)


def _leave_root(*, keeps_reading: bool) -> None:
    """Become nobody. Python's library may lie where only root may look: reading it stays, as far as the rules allow."""
    if keeps_reading:
        _checked(_libc.prctl(_KEEP_CAPABILITIES, 1, 0, 0, 0))
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    if keeps_reading:
        header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
        # Effective, permitted, inheritable, of the first 32 capabilities; then of the others.
        kept = (ctypes.c_uint32 * 6)(_MAY_READ_ALL, _MAY_READ_ALL, 0, 0, 0, 0)
        _checked(_libc.capset(header, kept))


def _limit() -> None:
    limits = {
        # At the first it is told, by a signal that ends it; at the second nothing is asked any more.
        resource.RLIMIT_CPU: (CPU_SECONDS, CPU_SECONDS + 1),
        resource.RLIMIT_AS: (MEMORY, MEMORY),
        resource.RLIMIT_NPROC: (0, 0),
        resource.RLIMIT_NOFILE: (OPEN_FILES, OPEN_FILES),
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_CORE: (0, 0),
    }
    for kind, limit in limits.items():
        resource.setrlimit(kind, limit)


def _checked(answer: int) -> int:
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return answer
