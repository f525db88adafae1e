"""What the SMTP listener takes of one message, one client, and all of them at once."""

import asyncio
import smtplib
import socket
import tracemalloc
from types import SimpleNamespace
from typing import Any, cast

import pytest

from core.handles import Handles
from core.outbound.listener import dialogue as listener_dialogue
from core.outbound.listener import server as listener_server
from core.outbound.listener import session as listener_session
from core.outbound.listener.dialogue import StrictSession
from core.services.actor import Actor
from tests.outbound.listening import MAIL, Listening, at_work
from tests.outbound.world import rows
from tests.waiting import PATIENCE, until


def test_what_is_larger_than_the_limit_is_refused_and_the_session_goes_on(house: Handles, anna: Actor) -> None:
    with at_work(house, anna, max_size="64KiB") as listening, listening.client() as client:
        client.ehlo()
        assert client.esmtp_features["size"] == "65536"
        with pytest.raises(smtplib.SMTPSenderRefused) as refused:
            client.sendmail("a@example.org", "b@example.net", MAIL + b"x" * 70_000)
        assert refused.value.smtp_code == 552
        client.mail("a@example.org")
        client.rcpt("b@example.net")
        assert client.data(MAIL + b"x" * 70_000)[0] == 552
        client.sendmail("a@example.org", "b@example.net", MAIL)
        assert len(rows(house)) == 1


def test_what_all_bring_at_once_is_bounded(listening: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_dialogue, "MOST_IN_HAND", 100_000)
    with listening.client() as client:
        with pytest.raises(smtplib.SMTPDataError) as refused:
            client.sendmail("a@example.org", "b@example.net", MAIL + b"x" * 150_000)
        assert refused.value.smtp_code == 452
        for _ in range(3):
            client.sendmail("a@example.org", "b@example.net", MAIL + b"x" * 90_000)
    assert len(rows(listening.handles)) == 3


def test_one_connection_too_many_is_asked_to_come_again(listening: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening.client(), listening.client():
        # Not before: the listener may still be busy with who looked whether it is there.
        monkeypatch.setattr(listener_server, "MOST_CONNECTIONS", 2)
        with pytest.raises(smtplib.SMTPConnectError) as refused:
            listening.client()
        assert refused.value.smtp_code == 421
    until(listening.answers)


def test_who_is_silent_for_too_long_is_shown_the_door(listening: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.outbound.listener.dialogue.IDLE", 0.2)
    with socket.create_connection(("127.0.0.1", listening.port), timeout=PATIENCE) as connection:
        said = b"".join(iter(lambda: connection.recv(65536), b""))
    assert said.decode().splitlines()[-1].startswith("421 4.4.2")


def test_a_recipient_too_many_is_put_off(listening: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_session, "MOST_RECIPIENTS", 2)
    with listening.client() as client:
        refused = client.sendmail("a@example.org", ["b@example.net", "c@example.net", "d@example.net"], MAIL)
    assert {address: code for address, (code, _) in refused.items()} == {"d@example.net": 452}


def test_many_short_lines_take_no_more_memory_than_they_have_bytes() -> None:
    lines = 50_000

    async def peak() -> int:
        reader = asyncio.StreamReader()
        reader.feed_data(b"\r\n" * lines + b".\r\n")
        session = cast("Any", SimpleNamespace(_reader=reader, _cannot_hold=lambda *_: "", let_go=lambda: None))
        tracemalloc.start()
        try:
            assert len(await StrictSession.read_message(session)) == 2 * lines
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert asyncio.run(peak()) < 10 * 2 * lines
