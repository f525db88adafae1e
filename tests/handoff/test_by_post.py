"""Offering by POST: signed, to public addresses or this machine, within a deadline, never redirected."""

import hashlib
import hmac
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import pytest

from core.errors import TlsFailed, Unreachable
from core.handoff.by_post import offer_by_post
from core.handoff.receiver import TAKEN, Reception
from core.protocols import https_post
from core.protocols.https_post import post, read_web_address
from core.protocols.resolve import Address
from core.protocols.tls import TlsTrust
from core.secret import Secret
from tests.handoff.receiver import Receiver
from tests.servers.certificates import Certificates
from tests.waiting import PATIENCE

NOW = datetime(2026, 11, 20, 21, 4, 10, tzinfo=UTC)
SECRET = Secret("s3cret")


def offer(url: str, secret: Secret | None = SECRET, seconds: float = PATIENCE) -> Reception:
    return offer_by_post(url, secret, b'{"a": 1}', NOW, delivery_id=7, event="record", seconds=seconds)


@contextmanager
def answering(answer: bytes, *, then_waits: bool = False) -> Iterator[str]:
    """A server that says this to whoever asks."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = threading.Event()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                with suppress(OSError):  # who has heard enough hangs up
                    connection.sendall(answer)
                if then_waits:
                    done.wait(PATIENCE)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        finally:
            done.set()
            thread.join()


def test_what_is_posted_is_signed_over_timestamp_and_document() -> None:
    with Receiver() as receiver:
        assert offer(receiver.url) == TAKEN
    (posted,) = receiver.posted
    expected = hmac.new(b"s3cret", b'1795208650.{"a": 1}', hashlib.sha256).hexdigest()
    assert posted.path == "/in?box=1"
    assert posted.body == b'{"a": 1}'
    assert posted.headers["x-postroom-timestamp"] == "1795208650"
    assert posted.headers["x-postroom-signature"] == f"sha256={expected}"
    assert posted.headers["x-postroom-delivery"] == "7"
    assert posted.headers["x-postroom-event"] == "record"
    assert posted.headers["content-type"] == "application/json"


def test_without_a_secret_nothing_is_posted() -> None:
    with Receiver() as receiver:
        refused = offer(receiver.url, None)
    assert refused.is_out_of_reach
    assert "no secret" in refused.text
    assert receiver.posted == []


@pytest.mark.parametrize(
    ("status", "is_taken", "is_out_of_reach"),
    [
        (200, True, False),
        (204, True, False),
        (301, False, False),
        (307, False, False),
        (400, False, False),
        (404, False, False),
        (429, False, True),
        (500, False, False),
        (503, False, True),
    ],
)
def test_only_2xx_takes_it_and_redirects_are_not_followed(status: int, is_taken: bool, is_out_of_reach: bool) -> None:
    with Receiver(lambda _: status) as receiver:
        found = offer(receiver.url)
    assert (found.is_taken, found.is_out_of_reach) == (is_taken, is_out_of_reach)
    assert len(receiver.posted) == 1
    if not is_taken:
        assert f"HTTP {status}" in found.text
        assert "sorry, not\ufffd[31m today" in found.text


@pytest.mark.parametrize(
    "answer",
    [
        b"220 mail.example.org ESMTP\r\n",
        b"",
        b"HTTP/1.1 999 Odd\r\n\r\n",
        b"HTTP/1.1 500 No\r\nContent-Length: 99999\r\n\r\nshort",
        b"HTTP/1.1 500 No\r\n" + b"X: y\r\n" * 100_000,
        b"HTTP/1.1 200 " + b"x" * 100_000,
    ],
)
def test_an_answer_that_makes_no_sense_is_a_failure(answer: bytes) -> None:
    with answering(answer) as url:
        found = offer(url)
    assert not found.is_taken
    assert found.text


def test_a_refusal_stands_though_its_text_is_cut_off() -> None:
    with answering(b"HTTP/1.1 400 Bad\r\nContent-Length: 99\r\n\r\nshort") as url:
        found = offer(url)
    assert (found.is_taken, found.is_out_of_reach, found.text) == (False, False, "The receiver answered HTTP 400 Bad.")


def test_words_before_the_answer_are_passed_over() -> None:
    with answering(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n") as url:
        assert offer(url).is_taken


def test_a_receiver_that_never_answers_is_given_up_at_the_deadline() -> None:
    with answering(b"HTTP/1.1 2", then_waits=True) as url:
        found = offer(url, seconds=0.5)
    assert found.is_out_of_reach
    assert "too slow" in found.text


@pytest.mark.parametrize(
    "ip",
    [
        "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "127.0.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "::ffff:10.0.0.1", "2002:0a00:0001::1",
        "fec0::1", "64:ff9b:1::7f00:1", "::7f00:1", "::ffff:0:127.0.0.1", "192.0.0.8",
        "64:ff9b::a00:1",
    ],
)  # fmt: skip
def test_a_public_name_that_leads_into_a_private_network_is_refused(ip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    monkeypatch.setattr(https_post, "resolve", lambda *_: (Address(family, ip, 443),))
    monkeypatch.setattr(https_post, "connect", lambda *_, **__: pytest.fail("it was connected to"))
    with pytest.raises(Unreachable, match="no public address"):
        post(read_web_address("https://hooks.example.org/x"), b"{}", {}, seconds=1)
    assert offer("https://hooks.example.org/x").is_out_of_reach


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    found = (Address(socket.AF_INET, "93.184.215.14", 443), Address(socket.AF_INET, "10.0.0.1", 443))
    monkeypatch.setattr(https_post, "resolve", lambda *_: found)
    with pytest.raises(Unreachable, match=r"10\.0\.0\.1"):
        post(read_web_address("https://hooks.example.org/x"), b"{}", {}, seconds=1)


def test_this_machine_by_name_must_be_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(https_post, "resolve", lambda *_: (Address(socket.AF_INET, "93.184.215.14", 80),))
    with pytest.raises(Unreachable):
        post(read_web_address("http://localhost/x"), b"{}", {}, seconds=1)


@pytest.mark.parametrize(
    ("url", "place", "target", "is_tls"),
    [
        ("https://hooks.example.org", "hooks.example.org:443", "/", True),
        ("https://Hooks.Example.org.:8443/a%20b?c=d#e", "hooks.example.org:8443", "/a%20b?c=d", True),
        ("http://localhost:8080/x", "localhost:8080", "/x", False),
        ("http://127.1.2.3/x", "127.1.2.3:80", "/x", False),
        ("http://[::1]:99/x", "[::1]:99", "/x", False),
    ],
)
def test_addresses_are_taken_apart(url: str, place: str, target: str, is_tls: bool) -> None:
    address = read_web_address(url)
    assert (address.place, address.target, address.is_tls) == (place, target, is_tls)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/",
        "http://127.0.0.1.example.org/",
        "http://localhost.example.org/",
        "ftp://localhost/",
        "https://user:pass@hooks.example.org/",
        "https://hooks.example.org/a b",
        "https://hooks.example.org/\r\nX: y",
        "https:///x",
        "https://hooks.example.org:port/",
        "https://[::1/",
        "hooks.example.org",
        "",
    ],
)
def test_what_is_no_address_to_post_to_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"address|user name"):
        read_web_address(url)
    assert offer(url).is_out_of_reach


def test_over_tls_the_receiver_is_verified(certificates: Certificates) -> None:
    good = certificates.good
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(good.chain, good.key)
    with Receiver() as receiver:
        receiver._server.socket = context.wrap_socket(receiver._server.socket, server_side=True)
        address = read_web_address(receiver.url.replace("http://127.0.0.1", "https://localhost"))
        answer = post(address, b"{}", {}, seconds=PATIENCE, trust=TlsTrust(ca=str(good.authority)))
        assert answer.is_taken
        with pytest.raises(TlsFailed):
            post(address, b"{}", {}, seconds=PATIENCE)
