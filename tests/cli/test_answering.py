"""record reply and suppressed addresses, as scripts meet them."""

import pytest

from tests.accounts import message
from tests.cli.conftest import Shell
from tests.inbound.test_bounces import report

RULES = """
[[account]]
name = "a"
type = "IMAPS"
host = "127.0.0.1"
validity = "invalid"
username = "desk@example.org"
"""


@pytest.fixture
def world(postroom: Shell) -> Shell:
    postroom.ok("config", "import", "-", stdin=RULES.encode())
    postroom.ok("intake", "--account", "a", stdin=message(1, "From: bob@example.net"))
    return postroom


def test_an_answer_goes_into_the_outbox_and_stands_on_the_record(world: Shell) -> None:
    (record,) = world.ok("list", "record", "--json").rows
    number = record["number"]

    message_id = world.ok("record", "reply", number, stdin="Grüße\n".encode()).out.strip()

    (sent,) = world.ok("list", "outbox", "--json").rows
    assert (sent["message_id"], sent["sender"]) == (message_id, "desk@example.org")
    assert sent["subject"] == f"Re: [Ticket#{number}] Message 1"
    (shown,) = world.ok("show", "record", number, "--json").rows
    assert [one["message_id"] for one in shown["replies"]] == [message_id]

    empty = world("record", "reply", number, "--json", stdin=b"\n")
    assert (empty.code, empty.out, empty.err) == (65, "", "postroom: The reply is empty; nothing was sent.\n")
    assert world("record", "reply", "2026010110999999", stdin=b"x").code == 67


def test_nobody_is_suppressed_who_has_not_bounced(world: Shell) -> None:
    # A report on what was not sent yet tells nothing.
    (record,) = world.ok("list", "record", "--json").rows
    message_id = world.ok("record", "reply", record["number"], stdin=b"Yes.").out.strip()
    world.ok("intake", "--account", "a", stdin=report(1, of=message_id))

    assert world.ok("list", "suppression", "--json").rows == []
    assert [one["state"] for one in world.ok("list", "message", "--json").rows] == ["bounce", "recorded"]
    released = world("delete", "suppression", "bob@example.net")
    assert released.code == 67
    assert "postroom list suppression" in released.err
