"""oauth login and status, as scripts and people without a browser meet them."""

import json
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest

from tests.cli.conftest import Ended, Shell
from tests.fakes.token_server import TokenServer, refusal
from tests.waiting import PATIENCE

USER = "support@example.org"


@pytest.fixture
def world(postroom: Shell, provider: TokenServer) -> Shell:
    """An account for each way of signing in at the token server."""
    tables = []
    for method in ("device_code", "authorization_code", "client_secret"):
        values = {**provider.profile(method), "name": method, "client_secret": provider.client_secret}
        lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
        account = f'name = "{method}"\ntype = "IMAPS"\nhost = "127.0.0.1"\nusername = "{USER}"\nprofile = "{method}"'
        tables.append("\n".join(["[[profile]]", *lines, "[[account]]", account]))
    postroom.ok("config", "import", "-", stdin="\n".join(tables).encode())
    return postroom


@contextmanager
def _entering(provider: TokenServer, user: str) -> Iterator[None]:
    """Somebody at another screen, who enters each code that is given out."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.05):
            provider.enter_code(user)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _line(stream: IO[bytes] | None) -> str:
    assert stream is not None
    return stream.readline().decode().strip()


def _ended(process: "subprocess.Popen[bytes]", answer: bytes = b"") -> Ended:
    out, err = process.communicate(answer, timeout=PATIENCE)
    return Ended(process.returncode, out.decode(), err.decode())


def test_with_a_device_code(world: Shell, provider: TokenServer) -> None:
    with _entering(provider, USER):
        ended = world.ok("oauth", "login", "account", "device_code")
    assert ended.out.splitlines() == ["https://example.org/device", "WXYZ-1234"]
    assert ended.err.splitlines()[-1] == f"Signed in as {USER} for account device_code."
    with _entering(provider, USER):
        prompt, done = world.ok("oauth", "login", "account", "authorization_code", "--device", "--json").rows
    assert (prompt["event"], prompt["code"], prompt["address"]) == ("prompt", "WXYZ-1234", "https://example.org/device")
    assert done == {"event": "signed in", "kind": "account", "name": "authorization_code", "signed_in_as": USER}

    rows = {row["name"]: row for row in world.ok("oauth", "status", "--json").rows}
    assert {name: row["state"] for name, row in rows.items()} == {
        "authorization_code": "signed in", "client_secret": "unused", "device_code": "signed in"
    }  # fmt: skip
    assert rows["device_code"]["signed_in_as"] == USER
    assert "signed in" in world.ok("oauth", "status").out


def test_with_a_browser_that_comes_back(world: Shell, provider: TokenServer) -> None:
    process = world.start("oauth", "login", "account", "authorization_code")
    answer = provider.browse(_line(process.stdout), USER)
    base, _, query = answer.partition("?")
    for wrong in (f"{base}/favicon.ico", f"{base}?code=1&state=guessed"):
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(wrong, timeout=PATIENCE)
    with urllib.request.urlopen(f"{base}/?{query}", timeout=PATIENCE) as page:
        assert b"Thank you" in page.read()
    ended = _ended(process)
    assert (ended.code, ended.err.splitlines()[-1]) == (0, f"Signed in as {USER} for account authorization_code.")


def test_with_an_address_pasted_back(world: Shell, provider: TokenServer) -> None:
    process = world.start("oauth", "login", "account", "authorization_code", "--paste", stdin=subprocess.PIPE)
    answer = provider.browse(_line(process.stdout), USER)
    assert answer.startswith("http://localhost?code=")
    assert _ended(process, f"{answer}\n".encode()).code == 0

    process = world.start("oauth", "login", "account", "authorization_code", "--paste", stdin=subprocess.PIPE)
    _line(process.stdout)
    assert _ended(process, f"{answer}\n".encode()).code == 65  # of another sign-in
    assert world("oauth", "login", "account", "authorization_code", "--paste").code == 66  # nothing pasted


def test_interrupting_leaves_nothing_behind(world: Shell, provider: TokenServer) -> None:
    process = world.start("oauth", "login", "account", "device_code")
    _line(process.stdout)
    _line(process.stdout)
    process.send_signal(signal.SIGINT)
    ended = _ended(process)
    assert (ended.code, ended.err.splitlines()[-1]) == (130, "postroom: Interrupted.")
    assert "Traceback" not in ended.err
    (row,) = [row for row in world.ok("oauth", "status", "--json").rows if row["name"] == "device_code"]
    assert (row["state"], row["signed_in_as"]) == ("needs sign-in", "")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["account", "nobody"], 67, "There is no account 'nobody'."),
        (["queue", "Raw"], 64, "is for an account or a mailbox"),
        (["account", "device_code", "--device", "--paste"], 64, "--paste"),
        (["account", "client_secret"], 78, "Nobody has to sign in for account client_secret"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(world: Shell, words: list[str], code: int, said: str) -> None:
    ended = world("oauth", "login", *words)
    assert ended.code == code, ended
    assert said in ended.err
    assert ended.out == ""


def test_refusals_end_with_their_own_codes(world: Shell, provider: TokenServer) -> None:
    with _entering(provider, "boss@example.org"):
        other = world("oauth", "login", "account", "device_code")
    assert (other.code, "boss@example.org" in other.err) == (78, True)
    provider.instead = [refusal("access_denied")]
    assert world("oauth", "login", "account", "device_code").code == 78
    provider.__exit__(None, None, None)
    assert world("oauth", "login", "account", "device_code").code == 69
