"""The data folder: for the service alone, or shared with a group; what is made in it belongs as the folder does."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import shutil
import stat
from contextlib import suppress
from pathlib import Path

from core.errors import CannotWrite, NotPermitted
from core.system_users import group_name, user_name

SERVICE_USER = "postroom"
"""Whose the folder becomes when root makes it, where there is such a user."""

SHARED = 0o2770
"""Shared with a group that whatever is made inside belongs to; closed to the world."""


def make_home(home: Path, group: str = "") -> None:
    """Make the data folder: shared with a group if we may give it one, else for its owner alone.

    Args:
        home: the folder.
        group: the group to share it with, where it exists and we are root or in it.

    Raises:
        CannotWrite: it cannot be made, or nothing can be written there.
        NotPermitted: it is there, and not for us.
    """
    try:
        if home.is_dir():
            _refuse_closed(home)
            return
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        group_id = group_to_share_with(group)
        if os.geteuid() == 0:
            os.chown(home, _service_user(), -1 if group_id is None else group_id)
        elif group_id is not None:
            os.chown(home, -1, group_id)
        if group_id is not None:
            home.chmod(SHARED)
    except PermissionError as error:
        raise home_out_of_reach(home) from error
    except OSError as error:
        raise CannotWrite(f"The data folder {home} cannot be made: {error.strerror}. Set POSTROOM_HOME.") from error


def home_out_of_reach(home: Path) -> NotPermitted:
    """The error for a data folder that is not for us to look into."""
    return out_of_reach(f"The data folder {home}", home, "To use another: set POSTROOM_HOME.")


def closed_to_owner(home: Path) -> str:
    """What whoever owns a data folder must do that was closed to him."""
    return f"The data folder {home} is closed to its own user. Run: chmod u+rwx {home}"


def out_of_reach(what: str, path: Path, remedy: str) -> NotPermitted:
    """The error for something that a folder above it keeps from us."""
    return NotPermitted(f"{what} cannot be reached or made: {_closed_above(path)} is closed to this user. {remedy}")


def group_to_share_with(name: str) -> int | None:
    """The id of a group that we may give things to; none if it is not there, or not ours."""
    try:
        group_id = grp.getgrnam(name).gr_gid
    except KeyError:
        return None
    return group_id if os.geteuid() == 0 or group_id in {*os.getgroups(), os.getegid()} else None


def is_shared(folder: Path) -> bool:
    """Whether a folder's group works in it too."""
    return folder.stat().st_mode & stat.S_IRWXG == stat.S_IRWXG


def opened_file(file: Path, flags: int) -> int:
    """Open a file of the data folder, which is for its owner alone if it is made now; gives its descriptor.

    A group may write that folder, and put there a link to another's file, the key among them, or a pipe that nobody
    reads: neither is opened.

    Raises:
        OSError: it is none of ours, or cannot be opened.
    """
    descriptor = os.open(file, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        os.close(descriptor)
        raise OSError(errno.ELOOP, "Something else has its name", str(file))
    return descriptor


def belong_to_folder(file: Path, *, is_private: bool = False) -> None:
    """Give a file that was just made to whom its folder belongs, readable by the group only if the folder is shared.

    Args:
        file: the file; nobody has it open yet.
        is_private: for the owner alone even so: a key.
    """
    folder = file.parent.stat()
    descriptor = opened_file(file, os.O_RDONLY)
    try:
        if os.geteuid() == 0:
            os.fchown(descriptor, folder.st_uid, folder.st_gid)
        os.fchmod(descriptor, 0o660 if is_shared(file.parent) and not is_private else 0o600)
    finally:
        os.close(descriptor)


def belong_as(file: Path, like: os.stat_result) -> None:
    """Give a file that was just made the owner, group and rights of another one."""
    descriptor = opened_file(file, os.O_RDONLY)
    try:
        os.fchmod(descriptor, like.st_mode & 0o777)
        os.fchown(descriptor, like.st_uid, like.st_gid)
    finally:
        os.close(descriptor)


def _service_user() -> int:
    with suppress(KeyError):
        return pwd.getpwnam(SERVICE_USER).pw_uid
    return -1


def _refuse_closed(home: Path) -> None:
    if os.access(home, os.R_OK | os.W_OK | os.X_OK):
        return
    if os.statvfs(home).f_flag & os.ST_RDONLY:  # mounted so, or made so after a fault of its disk
        raise CannotWrite(
            f"The file system of {home} is read-only, so nothing can be kept there. The kernel's log (dmesg) says "
            "whether its disk has failed; else mount it for writing again."
        )
    found = home.stat()
    if found.st_uid == os.geteuid():
        raise NotPermitted(closed_to_owner(home))
    if not found.st_mode & stat.S_IRWXG:
        whose = user_name(found.st_uid)
        raise NotPermitted(f"The data folder {home} is for the user {whose} alone. To use another: set POSTROOM_HOME.")
    group = group_name(found.st_gid)
    raise NotPermitted(
        f"The data folder {home} is for the group {group}, which you are not in. An administrator may add you: "
        f"usermod --append --groups {group} NAME"
    )


def _closed_above(path: Path) -> Path:
    """The folder that cannot be entered, or the last one that is there, in which nothing can be made."""
    reached = Path(path.anchor)
    for folder in reversed(path.parents):
        if not folder.exists():
            break
        reached = folder
        if not os.access(folder, os.X_OK):
            break
    return reached


def sync_folder(folder: Path) -> None:
    """Have a folder's names on the disk: what was made, renamed or removed in it is so after a power cut, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def free_bytes(folder: Path) -> int:
    """What is left for us on the disk of a folder, in bytes; of one that does not exist yet, where it would be made."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free
