"""What the system does not give this process enough of, told as that and not as a fault of ours."""

from __future__ import annotations

import errno
import os

from core.errors import Shortage

TOO_MANY_FILES = (
    "This process has too many files and connections open. Raise its limit (LimitNOFILE in the unit, ulimit -n), or "
    "lower fetch_slots and idle_max."
)
NO_MEMORY = (
    "There is not enough memory. Give the process more (MemoryMax and LimitAS in the unit, ulimit -v), or lower "
    "fetch_slots and what is taken at once: the largest message (max_size) of accounts and mailboxes."
)
NO_THREAD = (
    "This process may begin no more threads. Raise its limit (TasksMax in the unit, ulimit -u) or give it more memory."
)


def shortage_of(error: BaseException) -> Shortage | None:
    """Our error for one that only says that something is used up; `None`: it says something else."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return Shortage(NO_MEMORY)
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return Shortage(TOO_MANY_FILES)
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return Shortage(NO_THREAD)
    return None


def is_out_of_files() -> bool:
    """Whether this process can open nothing at all just now; SQLite and OpenSSL do not say why they could not."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return error.errno in (errno.EMFILE, errno.ENFILE)
    return False
