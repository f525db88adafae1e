"""Where is my mail: every way a person may name it, coming in and going out, newest first, bounded."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.handles import Handles
from core.models import (
    Attempt,
    Mailbox,
    Message,
    OutgoingMessage,
    Quarantine,
    Recipient,
    Record,
    Template,
)
from core.services.actor import Actor, Role
from core.services.looking.where import read_sought, where
from tests.services.worlds import NOW, put

VIEWER = Actor("vera", "h", Role.VIEWER)
NUMBER = "2026112010000042"


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        (" <a@b> ", {"message_id": "<a@b>"}),
        ("a@b", {}),
        (NUMBER, {"number": NUMBER}),
        (f"Ticket#{NUMBER}", {"number": NUMBER}),
        (f"[Change Request#: {NUMBER}]", {"number": NUMBER}),
        ("42", {}),
        ("2026-11-20Z", {"since": datetime(2026, 11, 20, tzinfo=UTC), "until": datetime(2026, 11, 21, tzinfo=UTC)}),
        ("2026-11-20T21Z", {"since": datetime(2026, 11, 20, 21, tzinfo=UTC), "until": datetime(2026, 11, 20, 22, tzinfo=UTC)}),
        ("2026-11-20 21:04Z", {"since": datetime(2026, 11, 20, 21, 4, tzinfo=UTC), "until": datetime(2026, 11, 20, 21, 5, tzinfo=UTC)}),
        ("2026-13-77", {}),
        ("9999-12-31", {}),
        ("Too large", {"state": "too_large"}),
        ("quarantined", {"state": "quarantined"}),
        ("printer", {}),
    ],
)  # fmt: skip
def test_what_a_text_may_name(text: str, understood: dict[str, Any]) -> None:
    sought = read_sought(text)
    nothing = {"message_id": "", "number": "", "since": None, "until": None, "state": ""}
    assert {name: getattr(sought, name) for name in nothing} == {**nothing, **understood}
    assert sought.text == text.strip()


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose clock is an hour ahead of UTC in winter."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("in_berlin")
@pytest.mark.parametrize(
    ("text", "began_at"), [("2026-11-20", (19, 23)), ("2026-11-20 09:30", (20, 8)), ("2026-11-20Z", (20, 0))]
)
def test_a_day_is_the_one_of_here_unless_it_says_otherwise(text: str, began_at: tuple[int, int]) -> None:
    since = read_sought(text).since
    assert since is not None
    told = since.astimezone(UTC)
    assert (told.day, told.hour) == began_at


def incoming(number: int, **values: Any) -> Message:
    defaults = {
        "id": number, "account_id": 1, "uid": number, "message_id": f"<in{number}@x>", "subject": f"Subject {number}",
        "header_from": f"Ann {number} <ann{number}@x.example>", "header_to": "help@example.org", "state": "recorded",
        "received_at": NOW + timedelta(minutes=number), "trail": [["dispatch", "default", "queue Raw"]],
    }  # fmt: skip
    return Message(**{**defaults, **values})


def outgoing(number: int, **values: Any) -> OutgoingMessage:
    defaults = {
        "id": number, "message_id": f"<out{number}@h>", "subject": f"Answer {number}", "sender": "help@example.org",
        "header_from": "Help <help@example.org>", "created_at": NOW + timedelta(minutes=number), "next_attempt_at": NOW,
    }  # fmt: skip
    return OutgoingMessage(**{**defaults, **values})


@pytest.fixture
def world(handles: Handles) -> Handles:
    put(
        handles,
        Record(id=7, number=NUMBER, queue_id=3, created_at=NOW, updated_at=NOW),
        incoming(1, record_id=7, opened_record=True, acknowledged_at=NOW, subject="Printer on FIRE"),
        incoming(2, record_id=7, subject="Re: Printer"),
        incoming(3, state="quarantined", subject="Odd größe"),
        Quarantine(message_id=3, reason="loop guard: too many", created_at=NOW, tried_at=NOW),
        incoming(4, state="ignored", subject="50% off_now", trail=[["ignore", "Ignore", "a filter says so"]]),
        incoming(5, state="too_large", message_id="", subject="", header_from="", header_to="", trail=[]),
        Template(id=90, name="T", created_at=NOW, updated_at=NOW),
        Mailbox(id=5, name="Main", template_id=90, created_at=NOW, updated_at=NOW),
        outgoing(10, record_id=7, state="sent", sent_by_id=5, settled_at=NOW + timedelta(hours=1), attempts=2),
        Recipient(outgoing_id=10, address="ann1@x.example", state="sent", reply_code=250, text="ok"),
        Attempt(
            outgoing_id=10, number=1, mailbox="Main", outcome="deferred", reply_code=451, text="busy", started_at=NOW
        ),
        Attempt(outgoing_id=10, number=2, mailbox="Main", outcome="sent", reply_code=250, text="ok", started_at=NOW),
        outgoing(11, subject="Newsletter"),
        Recipient(outgoing_id=11, address="bob@y.example"),
    )
    return handles


def found(handles: Handles, text: str, **options: Any) -> list[tuple[str, int]]:
    return [(row["direction"], row["id"]) for row in where(handles, VIEWER, text, **options).rows]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<in1@x>", [("incoming", 1)]),
        ("<out11@h>", [("outgoing", 11)]),
        ("in1@x", [("incoming", 1)]),
        ("printer", [("incoming", 2), ("incoming", 1)]),
        ("printer on fire", [("incoming", 1)]),
        ("ann1@x.example", [("outgoing", 10), ("incoming", 1)]),
        ("Ann 2", [("incoming", 2)]),
        ("BOB@", [("outgoing", 11)]),
        ("GRÖSSE", []),
        ("GRÖßE", [("incoming", 3)]),
        (NUMBER, [("outgoing", 10), ("incoming", 2), ("incoming", 1)]),
        (f"[Ticket#{NUMBER}]", [("outgoing", 10), ("incoming", 2), ("incoming", 1)]),
        ("2026112010000043", []),
        ("quarantined", [("incoming", 3)]),
        ("ignored", [("incoming", 4)]),
        ("too large", [("incoming", 5)]),
        ("50%", [("incoming", 4)]),
        ("5_%", []),
        ("off_now", [("incoming", 4)]),
        ("2026-11-20 21:05Z", [("incoming", 1)]),
        ("no such thing", []),
        ("' OR 1=1 --", []),
    ],
)
def test_mail_is_found_by_whatever_names_it(world: Handles, text: str, expected: list[tuple[str, int]]) -> None:
    assert found(world, text) == expected


def test_an_incoming_message_tells_where_it_ended_and_why(world: Handles) -> None:
    (opened,) = where(world, VIEWER, "<in1@x>").rows
    assert (opened["state"], opened["record"], opened["queue"], opened["opened_record"]) == (
        "recorded",
        NUMBER,
        "Junk",
        True,
    )
    assert opened["acknowledged_at"] == "2026-11-20T21:04:10Z"
    assert opened["why"] == "queue Raw"
    (answer,) = where(world, VIEWER, "<in2@x>").rows
    assert (answer["record"], answer["opened_record"], answer["acknowledged_at"]) == (NUMBER, False, None)
    (odd,) = where(world, VIEWER, "quarantined").rows
    assert (odd["record"], odd["reason"]) == (None, "loop guard: too many")


def test_an_outgoing_message_tells_when_and_by_whom_it_was_sent(world: Handles) -> None:
    (sent,) = where(world, VIEWER, "<out10@h>").rows
    assert (sent["state"], sent["mailbox"], sent["sent_at"], sent["record"]) == (
        "sent", "Main", "2026-11-20T22:04:10Z", NUMBER,
    )  # fmt: skip
    assert [(one["address"], one["state"]) for one in sent["recipients"]] == [("ann1@x.example", "sent")]
    assert [(one["number"], one["outcome"], one["reply_code"]) for one in sent["history"]] == [
        (1, "deferred", 451), (2, "sent", 250),
    ]  # fmt: skip
    (waiting,) = where(world, VIEWER, "<out11@h>").rows
    assert (waiting["sent_at"], waiting["history"]) == (None, [])


def test_only_the_newest_are_told_and_that_there_are_more(world: Handles) -> None:
    some = where(world, VIEWER, "example", limit=2)
    assert [row["id"] for row in some.rows] == [11, 10]
    assert some.has_more
    everything = where(world, VIEWER, "example", limit=6)
    assert not everything.has_more
    assert [row["at"] for row in everything.rows] == sorted((row["at"] for row in everything.rows), reverse=True)


def test_of_many_tries_the_last_are_told(world: Handles) -> None:
    put(world, *(Attempt(outgoing_id=11, number=number, started_at=NOW) for number in range(1, 51)))
    (row,) = where(world, VIEWER, "<out11@h>").rows
    assert [one["number"] for one in row["history"]] == list(range(31, 51))
