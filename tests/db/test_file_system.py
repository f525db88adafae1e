"""What lies where, by the table of mounts."""

from pathlib import Path

import pytest

from core.db.file_system import network_type_of, type_in

MOUNTS = """\
/dev/sda1 / ext4 rw,relatime 0 0
proc /proc proc rw 0 0
filer:/home /home nfs4 rw 0 0
/dev/sdb1 /home/anna/a\\040disk xfs rw 0 0
//filer/mail /var/lib/mail cifs rw 0 0
tmpfs /var/lib/mail tmpfs rw 0 0
half
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/", "ext4"),
        ("/var/lib/postroom", "ext4"),
        ("/home/anna", "nfs4"),
        ("/home/anna/a disk/postroom", "xfs"),
        ("/homework", "ext4"),
        # Of two at one place the later one hides the other.
        ("/var/lib/mail/x", "tmpfs"),
    ],
)
def test_the_nearest_mount_above_a_folder_counts(folder: str, kind: str) -> None:
    assert type_in(MOUNTS, Path(folder)) == kind


def test_here_is_no_network(tmp_path: Path) -> None:
    assert network_type_of(tmp_path) == ""
