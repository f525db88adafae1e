"""Where the SMTP listener listens: as the settings say while it runs, never in reach of others, and until its work is done."""

import socket
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.db.bulk import table_of
from core.errors import BadInput
from core.handles import Handles
from core.models import Alert
from core.outbound.listener import desk as listener_desk
from core.outbound.listener.listener import Listener
from core.services import settings
from core.services.actor import Actor
from tests.outbound.listening import MAIL, Listening, at_work
from tests.outbound.world import rows
from tests.waiting import PATIENCE, until
from tui.demo.ports import free_port


def test_settings_move_it_while_it_runs(listening: Listening, anna: Actor) -> None:
    old, listening.port = listening.port, free_port("127.0.0.1")
    settings.change(listening.handles, anna, {"listener.port": listening.port, "listener.max_size": "1MiB"})
    until(listening.answers)
    with listening.client() as client:
        client.ehlo()
        assert client.esmtp_features["size"] == str(1 << 20)
    settings.change(listening.handles, anna, {"listener.enabled": False})
    until(lambda: not listening.answers())
    listening.port = old
    assert not listening.answers()


def alerts(handles: Handles) -> list[tuple[str, bool]]:
    with handles.database.reading() as session:
        found = session.connection().execute(select(table_of(Alert)).order_by("id"))
        return [(row.text, row.closed_at is None) for row in found]


def test_a_taken_port_is_an_alert_until_it_is_free(listening: Listening, anna: Actor) -> None:
    listening.port = free_port("127.0.0.1")
    with socket.create_server(("127.0.0.1", listening.port)):
        settings.change(listening.handles, anna, {"listener.port": listening.port})
        until(lambda: bool(alerts(listening.handles)))
        [(text, is_open)] = alerts(listening.handles)
        assert is_open
        assert f"127.0.0.1:{listening.port}: another program listens there" in text
    until(lambda: listening.answers() and not alerts(listening.handles)[0][1])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "mail.example.org", ""])
def test_where_others_could_reach_it_it_does_not_listen(house: Handles, anna: Actor, host: str) -> None:
    with pytest.raises(BadInput, match="not on loopback"):
        settings.change(house, anna, {"listener.host": host})


def test_a_login_without_password_keeps_it_closed(house: Handles, anna: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.change(house, anna, {"listener.enabled": True, "listener.username": "shop"})
    Listener(house, threading.Event()).follow()
    [(text, _)] = alerts(house)
    assert "no password" in text


def test_two_workers_of_one_database_share_the_port_in_peace(listening: Listening, tmp_path: Path) -> None:
    (home := tmp_path / "another home").mkdir()
    elsewhere = replace(listening.handles.environment, home=home)
    second = Listener(replace(listening.handles, environment=elsewhere), threading.Event())
    second.follow()
    assert alerts(listening.handles) == []


def test_an_end_waits_for_what_is_being_taken(house: Handles, anna: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()
    enqueue = listener_desk.enqueue

    def slow(*given: Any) -> str:
        begun.set()
        assert go_on.wait(PATIENCE)
        return enqueue(*given)

    monkeypatch.setattr(listener_desk, "enqueue", slow)
    answers: list[Any] = []
    with at_work(house, anna) as listening:
        client = listening.client()
        sender = threading.Thread(
            target=lambda: answers.append(client.sendmail("a@example.org", "b@example.net", MAIL))
        )
        sender.start()
        assert begun.wait(PATIENCE)
        threading.Timer(0.3, go_on.set).start()
    sender.join(PATIENCE)
    assert answers == [{}]
    client.close()
    assert len(rows(house)) == 1
