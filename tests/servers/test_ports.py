"""Ports for servers that start in a moment: each is given once, and is left to the server that asked for it."""

import socket
import subprocess
import sys

from tests.waiting import PATIENCE
from tui.demo.ports import free_port, free_ports


def test_no_port_is_given_twice_before_its_server_listens() -> None:
    given = [port for _ in range(30) for port in free_ports("127.0.0.1", 4)]
    assert len(set(given)) == 120


def test_another_process_does_not_get_it_either() -> None:
    ports = free_ports("127.0.0.1", 3)
    script = (
        "import tui.demo.ports as ports, sys\n"
        "ports._CHOICE = [int(port) for port in sys.argv[1:]]\n"
        "print(ports.free_ports('127.0.0.1', 3))"
    )
    command = [sys.executable, "-c", script, *map(str, ports)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_a_server_can_listen_there_and_then_it_is_taken() -> None:
    port = free_port("127.0.0.1")
    with (
        socket.create_server(("127.0.0.1", port)) as server,
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client,
    ):
        server.accept()[0].close()
        assert client.recv(1) == b""
