"""Files that are written for the one who asked, and for nobody else: mail, configuration, run logs."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from core.errors import CannotWrite


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all; one that is there is replaced.

    Raises:
        CannotWrite: it cannot be written; what was there is there still.
    """
    try:
        target = _followed(path)
        if target.exists() and not target.is_file():
            _pass_on(target, data)
        else:
            _replace(target, data)
    except OSError as error:
        raise CannotWrite(f"{path} cannot be written: {error.strerror}.") from error


def _followed(path: Path) -> Path:
    """Where a path leads; a link that another user put there, in /tmp or a folder of a group, leads to no good."""
    target, place = path.resolve(), path.parent.resolve() / path.name
    if target != place and place.is_symlink() and place.lstat().st_uid not in (0, os.geteuid()):
        raise OSError(errno.ELOOP, "it is another user's link", str(path))
    return target


def _pass_on(target: Path, data: bytes) -> None:
    """Write to a device or a pipe; of a folder it is told that it is one.

    A pipe that another user put there, in /tmp or a folder of a group, would hand him what he may not read.
    """
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "wb") as place:
        found = os.fstat(place.fileno())
        if not stat.S_ISCHR(found.st_mode) and found.st_uid not in (0, os.geteuid()):
            raise OSError(errno.ELOOP, "it is another user's pipe", str(target))
        place.write(data)


def _replace(target: Path, data: bytes) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", dir=target.parent)  # 0600
    try:
        with os.fdopen(descriptor, "wb") as unfinished:
            unfinished.write(data)
        Path(name).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
