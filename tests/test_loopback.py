"""Where a browser comes back to: on both loopback addresses, for the one answer that is waited for."""

import socket
import urllib.error
import urllib.request
from contextlib import closing, suppress
from typing import Any

import pytest

from core.errors import ConfigurationError
from tests.waiting import PATIENCE
from tui import loopback as loopback_module
from tui.loopback import Loopback


def _get(url: str, host: str = "") -> int:
    request = urllib.request.Request(url, headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def _addresses() -> list[tuple[socket.AddressFamily, str]]:
    """The loopback addresses of this machine: it may be without IPv6."""
    found = []
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with suppress(OSError), closing(socket.socket(family)) as one:
            one.bind((host, 0))
            found.append((family, host))
    return found


@pytest.mark.parametrize("host", [f"[{host}]" if ":" in host else host for _, host in _addresses()])
def test_the_answer_comes_on_either_address(host: str) -> None:
    with Loopback() as loopback:
        loopback.expect("state-1")
        assert _get(f"http://{host}:{loopback.port}/?code=abc&state=state-1") == 200
        assert loopback.answer(PATIENCE) == "code=abc&state=state-1"


def test_whatever_else_calls_is_turned_away() -> None:
    with Loopback() as loopback:
        base = f"http://127.0.0.1:{loopback.port}"
        assert _get(f"{base}/?code=abc&state=") == 404  # nobody waits yet
        loopback.expect("state-1")
        assert _get(f"{base}/favicon.ico") == 404
        assert _get(f"{base}/?code=abc&state=state-2") == 404
        assert _get(f"{base}/?code=abc&state=state-1", f"evil.example.org:{loopback.port}") == 400
        assert loopback.answer(0.01) is None


def test_the_browser_has_its_page_before_the_sign_in_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    say, known = loopback_module._Handler._say, []

    def say_and_look(handler: Any, *page: Any) -> None:
        say(handler, *page)
        known.append(loopback.answer(0.01))

    monkeypatch.setattr(loopback_module._Handler, "_say", say_and_look)
    with Loopback() as loopback:
        loopback.expect("state-1")
        assert _get(f"http://127.0.0.1:{loopback.port}/?code=abc&state=state-1") == 200
        assert loopback.answer(PATIENCE) == "code=abc&state=state-1"
    assert known == [None]


def test_a_port_that_is_taken_on_either_address_is_not_shared() -> None:
    for family, host in _addresses():
        with closing(socket.socket(family)) as other:
            other.bind((host, 0))
            other.listen()
            with pytest.raises(ConfigurationError, match="use --paste"):
                Loopback(other.getsockname()[1])


def test_nobody_listens_once_it_is_over() -> None:
    with Loopback() as loopback:
        port = loopback.port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
