"""Whose program it is that listens at a port."""

import os
import socket
from pathlib import Path

import pytest

from core.outbound.listener import owner as listener_owner
from core.outbound.listener import port as listener_port
from core.outbound.listener.owner import listening_user, may_be_ours, user_in
from core.outbound.listener.port import occupant_of
from tests.outbound.listening import Listening

# As a little-endian machine tells them, which nearly all are.
TABLES = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:09DD 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 1 1 0 100 0 0 10 0
   1: 0100007F:09DD 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1002        0 2 1 0 100 0 0 10 0
   2: 0100007F:09DE 0100007F:A3F0 01 00000000:00000000 00:00000000 00000000  1003        0 3 1 0 20 4 30 10 -1
  sl  local_address                         remote_address                        st tx_queue rx_queue tr
   0: 00000000000000000000000001000000:09DF 00000000000000000000000000000000:0000 0A 0:0 00:0 0  1004  0 4 1 0 100
   1: 00000000000000000000000000000000:09E0 00000000000000000000000000000000:0000 0A 0:0 00:0 0  1005  0 5 1 0 100
   2: 0000000000000000FFFF00000100007F:09E1 00000000000000000000000000000000:0000 0A 0:0 00:0 0  1006  0 6 1 0 100
   3: 0000000000000000FFFF000000000000:09E2 00000000000000000000000000000000:0000 0A 0:0 00:0 0  1007  0 7 1 0 100
"""


@pytest.mark.parametrize(
    ("host", "port", "user"),
    [
        ("127.0.0.1", 2525, 1002),
        ("localhost", 2525, 1002),
        ("127.0.0.2", 2525, 1001),
        ("127.0.0.1", 2526, None),
        ("::1", 2527, 1004),
        ("127.0.0.1", 2528, 1005),
        ("127.0.0.1", 2529, 1006),
        ("127.0.0.1", 2530, 1007),
        ("::1", 2525, None),
        ("127.0.0.1", 25, None),
    ],
)
def test_the_kernels_tables_tell_who_listens(host: str, port: int, user: int | None) -> None:
    assert user_in(TABLES, host, port) == user


def test_this_kernel_tells_it_too(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        user = listening_user(*server.getsockname())
    assert user == os.geteuid()
    assert may_be_ours(user, tmp_path)
    assert not may_be_ours(4_000_000_000, tmp_path)


def test_a_program_that_listens_at_an_address_of_ipv4_by_ipv6_is_known_as_well() -> None:
    """Else it could pose as our listener, which is known by whose program it is."""
    with socket.socket(socket.AF_INET6) as server:
        server.bind(("::ffff:127.0.0.1", 0))
        server.listen()
        assert listening_user("127.0.0.1", server.getsockname()[1]) == os.geteuid()


def test_a_data_folder_that_is_away_rules_nobody_out(tmp_path: Path) -> None:
    """A worker that waits for it goes on looking who listens."""
    assert may_be_ours(4_000_000_000, tmp_path / "away")


def test_who_speaks_as_we_do_and_cannot_work_here_is_not_ours(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = listening.handles.environment
    mark = listener_port.mark_of(environment)
    assert occupant_of("127.0.0.1", listening.port, mark, environment.home).is_ours
    monkeypatch.setattr(listener_owner, "listening_user", lambda *_: 4_000_000_000)
    stranger = occupant_of("127.0.0.1", listening.port, mark, environment.home)
    assert not stranger.is_ours
    assert stranger.listens("there").startswith(
        "a program of 4000000000, who runs no worker of ours, listens there (it"
    )
