"""System calls that are refused to a script's process, for good: what Landlock leaves open of network and processes.

Landlock closes TCP alone; by UDP, a Unix socket or io_uring a script could still tell what it was given, or speak to
the database as the service's user. And a worker of that user could be given other limits, priority or processors.
Imports nothing but the standard library: it runs in the script's own process. seccomp(2), filters as in BPF.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from typing import NamedTuple

# Numbers of each in this order: x86_64, then the table that newer machines share (asm-generic/unistd.h).
_REFUSED = {
    "socket": (41, 198),
    "io_uring_setup": (425, 425),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424),
    "pidfd_getfd": (438, 438),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    # What these make outlives the process that made it.
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_by_handle_at": (304, 265),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
}
_LIMIT = (302, 261)
"""prlimit64: a process's own limits by the number 0, else another's."""


class _Machine(NamedTuple):
    audit: int
    """How the kernel calls it (linux/audit.h)."""
    table: int


_MACHINES = {
    "x86_64": _Machine(0xC000003E, 0),
    "aarch64": _Machine(0xC00000B7, 1),
    "riscv64": _Machine(0xC00000F3, 1),
}
_X32 = 0x40000000
"""From here on the calls of a second table of x86_64."""

_LOAD, _IS, _IS_FROM, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
_SET_SECCOMP, _FILTER = 22, 2


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def refuse_system_calls() -> bool:
    """Refuse them from now on with EPERM; false where machine or kernel knows no such filter.

    Needs that the process can gain no privileges any more (`PR_SET_NO_NEW_PRIVS`).
    """
    machine = _MACHINES.get(os.uname().machine)
    if machine is None:
        return False
    steps = _program(machine)
    program = _Program(len(steps), b"".join(steps))
    libc = ctypes.CDLL(None, use_errno=True)
    return int(libc.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0)) == 0


def _program(machine: _Machine) -> list[bytes]:
    refused = [numbers[machine.table] for numbers in _REFUSED.values()]
    to_refusal = len(refused) + 2
    return [
        _step(_LOAD, _ARCHITECTURE),
        _step(_IS, machine.audit, otherwise=to_refusal + 3),
        _step(_LOAD, _NUMBER),
        _step(_IS_FROM, _X32, then=to_refusal + 1),
        *(_step(_IS, number, then=to_refusal - place) for place, number in enumerate(refused)),
        _step(_IS, _LIMIT[machine.table], otherwise=3),
        _step(_LOAD, _FIRST_ARGUMENT),
        _step(_IS, 0, then=1),
        _step(_RETURN, _REFUSE),
        _step(_RETURN, _ALLOW),
    ]


def _step(code: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    """One instruction; of a comparison, how many to pass over if it holds and if not."""
    return struct.pack("=HBBI", code, then, otherwise, value)
