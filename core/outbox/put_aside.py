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
    aside = _opened_aside(folder)
    if aside is None:
        _hide(folder, name)
        return
    try:
        os.rename(name, name, src_dir_fd=folder, dst_dir_fd=aside)
    except FileNotFoundError:
        raise
    except OSError:
        # A folder of another user can be given another name, but put nowhere else; or that name is taken there.
        _hide(folder, name)
    else:
        with contextlib.suppress(OSError):  # the log has it, too
            _write_reason(aside, name, reason)
    finally:
        os.close(aside)


def _opened_aside(folder: int) -> int | None:
    """The folder for what is refused; none can be had, or it was not made by us: its maker would get others' mail."""
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(REFUSED, 0o700, dir_fd=folder)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        aside = os.open(REFUSED, flags, dir_fd=folder)
    except OSError:
        return None
    if os.fstat(aside).st_uid == os.geteuid():
        return aside
    os.close(aside)
    return None


def _hide(folder: int, name: str) -> None:
    """Where it cannot be moved, a bad file is at least not looked at again."""
    try:
        os.rename(name, f".refused-{name}", src_dir_fd=folder, dst_dir_fd=folder)
    except FileNotFoundError:
        raise
    except OSError:  # that name is too long, or something else has it
        os.rename(name, f".refused-{os.urandom(8).hex()}", src_dir_fd=folder, dst_dir_fd=folder)


def _write_reason(aside: int, name: str, reason: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(f"{name}.reason", flags, 0o600, dir_fd=aside)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
        file.write(reason + "\n")
