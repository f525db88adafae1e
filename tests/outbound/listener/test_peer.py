"""Who is at the other end of a connection: the kernel's word, as long as somebody is there."""

import os
import socket

import pytest

from core.outbound.listener.peer import owner_in
from core.system_users import user_name
from tests.outbound.listening import MAIL, Listening
from tests.outbound.world import rows
from tests.waiting import PATIENCE, until

ENVELOPE = b"EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n"
NOBODY = 65534

# As a little-endian machine tells them, which nearly all are. A socket that was closed has neither user nor inode.
TABLES = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:A3F0 0100007F:1538 01 00000000:00000000 00:00000000 00000000  1001        0 7 1 0 20 4 30 10 -1
   1: 0100007F:A3F0 0100007F:09DD 01 00000000:00000000 00:00000000 00000000  1002        0 8 1 0 20 4 30 10 -1
   2: 0100007F:A3F1 0100007F:09DD 05 00000000:00000000 03:000003E8 00000000     0        0 0 3 0
  sl  local_address                         remote_address                        st tx_queue rx_queue tr
   0: 0000000000000000FFFF00000100007F:A3F2 0000000000000000FFFF00000100007F:09DD 01 0:0 00:0 0  1003  0 9 1 0 100
   1: 00000000000000000000000001000000:A3F3 00000000000000000000000001000000:09DD 01 0:0 00:0 0  1004  0 9 1 0 100
"""


@pytest.mark.parametrize(
    ("peer", "here", "owner"),
    [
        (("127.0.0.1", 0xA3F0), ("127.0.0.1", 2525), "1002"),
        (("127.0.0.1", 0xA3F1), ("127.0.0.1", 2525), ""),
        (("127.0.0.1", 0xA3F2), ("127.0.0.1", 2525), "1003"),
        (("::1", 0xA3F3), ("::1", 2525), "1004"),
        (("127.0.0.1", 0xA3F4), ("127.0.0.1", 2525), ""),
        (("nowhere", 1), ("127.0.0.1", 2525), ""),
    ],
)
def test_of_this_connection_and_of_who_has_it_open(
    peer: tuple[str, int], here: tuple[str, int], owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.outbound.listener.peer.user_name", str)
    assert owner_in(TABLES, peer, here) == owner


def test_who_hangs_up_before_the_answer_is_not_taken_for_root(listening: Listening) -> None:
    """The kernel gives what nobody has open any more as root's: so anybody could have sent as root."""
    with socket.create_connection(("127.0.0.1", listening.port), timeout=PATIENCE) as connection:
        if os.geteuid() == 0:
            os.fchown(connection.fileno(), NOBODY, NOBODY)
        whose = os.fstat(connection.fileno()).st_uid
        connection.sendall(ENVELOPE)
        said = b""
        while b"\r\n354 " not in said:
            said += connection.recv(65536)
        connection.sendall(MAIL + b".\r\n")

    until(lambda: bool(rows(listening.handles)))

    assert [row.submitted_by for row in rows(listening.handles)] == [f"{user_name(whose)} (smtp)"]


def test_a_client_that_speaks_ipv6_to_an_address_of_ipv4_is_known_as_well(listening: Listening) -> None:
    with socket.socket(socket.AF_INET6) as connection:
        connection.connect(("::ffff:127.0.0.1", listening.port))
        connection.sendall(ENVELOPE + MAIL + b".\r\nQUIT\r\n")
        said = b"".join(iter(lambda: connection.recv(65536), b""))

    assert b"\r\n250 2.0.0 Queued" in said
    assert [row.submitted_by for row in rows(listening.handles)] == [f"{user_name(os.geteuid())} (smtp)"]
