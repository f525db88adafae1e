"""`postroom deliver` and `route`: what leaves, what waits, and by which mailbox."""

from tests.cli.conftest import Shell
from tests.cli.furnished import add_mailbox, mail
from tests.servers.smtp import RuledSink
from tui.demo.ports import free_port

DELIVER_KEYS = ["event", "sent", "deferred", "failed", "expired", "uncertain", "held", "seconds"]
OUTBOX_KEYS = {
    "id",
    "message_id",
    "state",
    "lane",
    "sender",
    "subject",
    "mailbox",
    "attempts",
    "next_attempt_at",
    "expires_at",
    "recipients",
}


def test_what_was_handed_in_is_delivered(postroom: Shell, smtp_sink: RuledSink) -> None:
    add_mailbox(postroom, smtp_sink.port)
    message_id = postroom.ok("send", "ada@example.org", stdin=b"Subject: x\n\nhi\n").out.strip()
    delivered = postroom.ok("deliver", "--json")
    (summary,) = delivered.rows
    assert list(summary) == DELIVER_KEYS
    assert summary["sent"] == 1
    assert message_id in delivered.err
    (taken,) = smtp_sink.deliveries
    assert taken.recipients == ("ada@example.org",)
    assert b"From: us@example.com" in taken.raw
    (row,) = postroom.ok("list", "outbox", "--json").rows
    assert set(row) >= OUTBOX_KEYS
    assert (row["state"], row["mailbox"], row["message_id"]) == ("sent", "main", message_id)
    assert set(row["recipients"][0]) == {"address", "state", "reply_code", "enhanced_code", "text"}
    assert postroom.ok("show", "outbox", str(row["id"]), "--json").rows[0]["history"]


def test_a_relay_that_is_away_is_75_and_a_held_message_waits(postroom: Shell) -> None:
    add_mailbox(postroom, free_port())
    postroom.ok("send", "ada@example.org", stdin=mail(1))
    ended = postroom("deliver", "--json")
    assert (ended.code, ended.rows[0]["deferred"]) == (75, 1)
    (row,) = postroom.ok("list", "outbox", "--json").rows
    assert "To be tried again: 1 message, the first at " in postroom.ok("deliver").err
    postroom.ok("outbox", "hold", str(row["id"]))
    assert "1 held until somebody releases it" in postroom.ok("deliver").err
    assert postroom.ok("deliver", "--quiet").err == ""
    assert postroom.ok("list", "outbox", "state:held", "--json").rows
    assert postroom.ok("outbox", "release", "--all", "--json").rows == [{"event": "done", "messages": 1}]
    cancelled = postroom("outbox", "cancel", str(row["id"]), "99", "--json")
    assert (cancelled.code, cancelled.rows) == (67, [{"event": "done", "messages": 1}])
    assert "1 of these messages cannot be cancelled" in cancelled.err
    assert postroom.ok("list", "outbox", "--json").rows[0]["state"] == "cancelled"


def test_the_route_is_told_without_taking_a_turn(postroom: Shell) -> None:
    add_mailbox(postroom, 2525, "one")
    add_mailbox(postroom, 2525, "two")
    words = ["route", "--from", "a@example.org", "--to", "b@example.org", "--json"]
    first = postroom.ok(*words).rows
    assert [row["mailbox"] for row in first] == ["one", "two"]
    assert postroom.ok(*words).rows == first
    down = postroom.ok(*words, "--down", "one").rows
    assert next(row["mailbox"] for row in down if row["order"] == 1) == "two"
    *_, nobody = postroom.ok(*words, "--down", "one", "two").rows
    assert nobody["why"] == "one: taken for down; two: taken for down"
    assert postroom(*words, "two").code == 64
