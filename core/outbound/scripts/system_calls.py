"""System calls that are refused to a script's process, for good: what Landlock leaves open of network and processes.

Landlock closes TCP alone; by UDP, a Unix socket or io_uring a script could still tell what it was given, or speak to
the database as the service's user. And a worker of that user could be given other limits, priority or processors.
Of files it closes what is in them, but not whose they are: the key could be opened to everybody (landlock(7), "Current
limitations"), and on kernels before 6.2 a file be cut to nothing.
Imports nothing but the standard library: it runs in the script's own process. seccomp(2), filters as in BPF.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Mapping
from typing import NamedTuple

# Numbers of each in this order: x86_64, then the table that newer machines share (asm-generic/unistd.h).
_REFUSED: dict[str, tuple[int, int | None]] = {
    "socket": (41, 198),
    "socketpair": (53, 199),
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
    # Whose a file of the service's user is, who may open it, and how long it is. Newer machines lack the older calls.
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "lchown": (94, None),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
    "truncate": (76, 45),
    # Who opens which file, and when.
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
    # All of the machine's disks waited for.
    "sync": (162, 81),
    "syncfs": (306, 267),
    # What these make outlives the process that made it; and what others have made is not for it.
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "semctl": (66, 191),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
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
_CONTROL = (72, 25)
"""fcntl."""
_SIGNALLING = (8, 10, 15)
"""F_SETOWN, F_SETSIG, F_SETOWN_EX: with these a pipe that moves sends any signal to any process of the same user."""


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
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT, _SECOND_ARGUMENT = 0, 4, 16, 24
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
_SET_SECCOMP, _FILTER = 22, 2


_ALLOWANCE, _REFUSAL = -1, -2
"""Ways on that lead to the end."""


class _Step(NamedTuple):
    """One instruction."""

    code: int
    value: int
    then: int = 0
    """Of a comparison: how many to pass over if it holds, or one of the ends."""
    otherwise: int = 0
    """The same if it does not."""

    def written(self, place: int, ends: Mapping[int, int]) -> bytes:
        """As the kernel reads it, at this place; `ends`: where those are."""
        ways = [ends[way] - place - 1 if way in ends else way for way in (self.then, self.otherwise)]
        return struct.pack("=HBBI", self.code, *ways, self.value)


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
    refused = [number for numbers in _REFUSED.values() if (number := numbers[machine.table]) is not None]
    steps = (
        _Step(_LOAD, _ARCHITECTURE),
        _Step(_IS, machine.audit, otherwise=_REFUSAL),
        _Step(_LOAD, _NUMBER),
        _Step(_IS_FROM, _X32, then=_REFUSAL),
        *(_Step(_IS, number, then=_REFUSAL) for number in refused),
        _Step(_IS, _LIMIT[machine.table], otherwise=2),
        _Step(_LOAD, _FIRST_ARGUMENT),
        _Step(_IS, 0, then=_ALLOWANCE, otherwise=_REFUSAL),
        _Step(_IS, _CONTROL[machine.table], otherwise=_ALLOWANCE),
        _Step(_LOAD, _SECOND_ARGUMENT),
        *(_Step(_IS, order, then=_REFUSAL) for order in _SIGNALLING),
        _Step(_RETURN, _ALLOW),
        _Step(_RETURN, _REFUSE),
    )
    ends = {_ALLOWANCE: len(steps) - 2, _REFUSAL: len(steps) - 1}
    return [step.written(place, ends) for place, step in enumerate(steps)]
