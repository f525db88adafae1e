"""A bad file in the drop folder, put where nobody looks for mail, with the reason beside it."""

from __future__ import annotations

import contextlib
import logging
import os

REFUSED = "refused"
"""The folder within the drop folder for files that are not as `postroom send` writes them."""

_log = logging.getLogger("postroom.drop")


def put_aside(folder: int, name: str, reason: str) -> None:
    """Move the file of this name aside; `folder` is the open drop folder. It must not keep the good ones."""
    _log.warning("not taken from the drop folder: %s: %s", ascii(name), reason)
    try:
        _move_aside(folder, name, reason)
    except FileNotFoundError:
        pass
    except OSError as error:
        _log.warning("left in the drop folder: %s cannot be moved (%s)", ascii(name), error.strerror)


def _move_aside(folder: int, name: str, reason: str) -> None:
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(REFUSED, 0o700, dir_fd=folder)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        aside = os.open(REFUSED, flags, dir_fd=folder)
    except OSError:
        _hide(folder, name)
        return
    try:
        if os.fstat(aside).st_uid != os.geteuid():
            # Not made by us: whoever made it would be given what others wrote.
            _hide(folder, name)
            return
        os.rename(name, name, src_dir_fd=folder, dst_dir_fd=aside)
        _write_reason(aside, name, reason)
    finally:
        os.close(aside)


def _hide(folder: int, name: str) -> None:
    """Without a folder to move it to, a bad file is at least not looked at again."""
    os.rename(name, f".refused-{name}", src_dir_fd=folder, dst_dir_fd=folder)


def _write_reason(aside: int, name: str, reason: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(f"{name}.reason", flags, 0o600, dir_fd=aside)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
        file.write(reason + "\n")
