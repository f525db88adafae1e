"""On what file system a folder lies: SQLite's locks and log work on a disk of this machine alone."""

from __future__ import annotations

import re
from pathlib import Path

_MOUNTS = Path("/proc/self/mounts")

_ESCAPED = re.compile(r"\\([0-7]{3})")

_OVER_THE_NET = frozenset(
    {
        "nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "ncpfs", "ceph", "lustre", "gpfs", "ocfs2", "gfs2",
        "davfs", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.davfs", "fuse.s3fs", "fuse.rclone",
    }
)  # fmt: skip


def network_type_of(folder: Path) -> str:
    """By what protocol a folder lies on another machine (`nfs4`); empty: it lies here, or that cannot be known."""
    try:
        found = type_in(_MOUNTS.read_text(errors="surrogateescape"), folder.resolve())
    except OSError:
        return ""
    return found if found in _OVER_THE_NET else ""


def type_in(mounts: str, folder: Path) -> str:
    """The type of the file system of a folder by a table of mounts (fstab(5)): the last of the nearest above it."""
    nearest, kind = -1, ""
    for line in mounts.splitlines():
        _, place, its_kind, *_ = f"{line} - - -".split(" ")
        # A space in a path is written \040.
        above = Path(_ESCAPED.sub(lambda code: chr(int(code[1], 8)), place))
        if len(above.parts) >= nearest and folder.is_relative_to(above):
            nearest, kind = len(above.parts), its_kind
    return kind
