"""intake, explain, try, where and delivery, as scripts meet them."""

from pathlib import Path

import pytest

from tests.accounts import message
from tests.cli.conftest import Shell

RULES = """
[[queue]]
name = "Support"
[[address]]
address = "support@example.com"
queue = "Support"
[[account]]
name = "a"
type = "IMAPS"
host = "127.0.0.1"
validity = "invalid"
username = "u@example.org"
[[handoff]]
name = "crm"
command = "/bin/false"
"""

FILTERS = """
[[filter]]
name = "spam"
match = [ { header = "Subject", regex = "message" } ]
set = { "X-OTOBO-Queue" = "Junk" }
"""


@pytest.fixture
def world(postroom: Shell, tmp_path: Path) -> Shell:
    (tmp_path / "one.eml").write_bytes(message(1))
    (tmp_path / "filters.toml").write_text(FILTERS)
    postroom.ok("config", "import", "-", stdin=RULES.encode())
    return postroom


def test_from_intake_to_where(world: Shell, tmp_path: Path) -> None:
    one, filters = str(tmp_path / "one.eml"), str(tmp_path / "filters.toml")

    (explained,) = world.ok("explain", one, "--account", "a", "--json").rows
    assert (explained["state"], explained["queue"]) == ("recorded", "Support")
    assert [step["stage"] for step in explained["trail"]][-1] == "dispatch"

    first = world.ok("intake", one, "--account", "a", "--json")
    assert first.rows[-1] | {"seconds": 0} == {
        "event": "summary", "accounts": 1, "failed": 0, "fetched": 1, "records": 1, "follow_ups": 0, "bounces": 0,
        "ignored": 0, "skipped": 0, "quarantined": 0, "too_large": 0, "acknowledged": 0, "seconds": 0,
    }  # fmt: skip
    again = world.ok("intake", "--account", "a", stdin=message(1))
    assert "1 here already" in again.out
    assert "stdin is here already, skipped" in again.err

    tried, summary = world.ok("try", filters, "--json").rows
    assert (tried["before"]["queue"], tried["after"]["queue"], tried["rule"]) == ("Support", "Junk", "spam")
    assert (summary["event"], summary["messages"], summary["different"]) == ("summary", 1, 1)
    assert "Support" in world.ok("try", filters, "--all", "--last", "1").out

    (seen,) = world.ok("where", "<1@mail.example.org>", "--json").rows
    assert (seen["direction"], seen["record"]) == ("incoming", tried["record"])
    assert f"opened record {tried['record']}" in world.ok("where", "Message", "1").out

    (run, _) = world.ok("list", "run", "--json").rows
    assert (run["account"], run["state"]) == ("a", "ok")


def test_what_becomes_of_the_messages_of_an_mbox_is_told_without_taking_them_in(world: Shell, tmp_path: Path) -> None:
    separator = b"From a@b Thu Nov 19 10:00:00 2026\r\n"
    file = tmp_path / "archive.mbox"
    file.write_bytes(separator + message(1) + b"\r\n" + separator + message(2))

    first, second = world.ok("intake", str(file), "--account", "a", "--dry-run", "--json").rows
    assert (first["message"], first["queue"], second["message"]) == ("archive.mbox", "Support", "archive.mbox 2")
    world.ok("intake", str(tmp_path / "one.eml"), "--account", "a")
    told = world.ok("intake", str(tmp_path / "one.eml"), str(file), "--account", "a", "--dry-run").out
    assert "here already; it would be skipped" in told
    assert len(world.ok("list", "message", "--json").rows) == 1

    several = world("explain", str(file))
    assert (several.code, "several messages" in several.err) == (65, True)
    assert "queue Support" in world.ok("explain", "-", stdin=separator + message(1)).out


def test_where_a_message_is_that_was_too_large(world: Shell) -> None:
    world.ok("set", "account", "a", "max_size=1kB")
    world.ok("intake", "-", "--account", "a", stdin=message(1, body="x" * 2000))
    assert "not taken in by hand, over the account's max_size" in world.ok("where", "too", "large").out


def test_what_waits_in_quarantine_is_worked_off(world: Shell, tmp_path: Path) -> None:
    world.ok("set", "setting", "loop.records=1")
    mails = [tmp_path / f"{number}.eml" for number in range(4)]
    for number, path in enumerate(mails):
        path.write_bytes(message(number, sender="ann@example.org"))
    world.ok("intake", *map(str, mails), "--account", "a")
    again = world.ok("quarantine", "retry", "2")
    assert "it stays in quarantine" in again.err
    world.ok("quarantine", "release", "2", "--queue", "Raw")
    world.ok("set", "setting", "loop.records=0")
    assert world.ok("quarantine", "retry", "--all", "--json").rows == [
        {"event": "retried", "id": 3, "state": "recorded"}, {"event": "retried", "id": 4, "state": "recorded"},
    ]  # fmt: skip
    assert world.ok("quarantine", "retry", "--all").out == ""
    assert world("quarantine", "retry").code == 64


def test_trusting_an_account_is_worth_a_word(world: Shell) -> None:
    assert "Only for senders you know" in world.ok("set", "account", "a", "trusted=true").err
    assert "senders" not in world.ok("set", "account", "a", "comment=x").err


def test_the_last_line_of_explain_says_where_it_would_end(world: Shell) -> None:
    ended = world.ok("explain", "-", stdin=message(1))
    assert ended.out.splitlines()[-1].startswith("=> recorded: a new Ticket in queue Support (title Message 1")


def test_deliveries_are_ordered_about(world: Shell, tmp_path: Path) -> None:
    world.ok("intake", str(tmp_path / "one.eml"), "--account", "a")
    world.ok("--worker", "--only", "fetch", "--once")
    (delivery,) = world.ok("list", "delivery", "--json").rows
    assert (delivery["handoff"], delivery["state"], delivery["attempts"]) == ("crm", "waiting", 1)
    assert "ended with 1" in delivery["last_error"]
    assert world.ok("delivery", "retry", "--all", "--json").rows == [{"event": "done", "deliveries": 1}]
    world.ok("delivery", "cancel", str(delivery["id"]))
    assert world.ok("show", "delivery", str(delivery["id"]), "--json").rows[0]["state"] == "failed"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["explain"], 64, "explain --help"),
        (["explain", "/no/such.eml"], 66, "/no/such.eml cannot be read"),
        (["explain", "/dev/null"], 66, "empty"),
        (["explain", "/etc/hostname", "--account", "nobody"], 67, "no account 'nobody'"),
        (["intake", "/etc/hostname"], 64, "--account"),
        (["intake", "/no/such.eml", "--account", "a"], 66, "Nothing was taken in"),
        (["intake", "/etc/hostname", "--account", "nobody"], 67, "no account 'nobody'"),
        (["try"], 64, "try --help"),
        (["try", "/no/such.toml"], 66, "/no/such.toml cannot be read"),
        (["try", "/dev/null"], 65, "write [[filter]]"),
        (["try", "/dev/null", "--last", "0"], 64, "--last"),
        (["where"], 64, "where --help"),
        (["where", " "], 64, "needs a text"),
        (["delivery", "retry"], 64, "--all"),
        (["delivery", "retry", "x"], 64, "'x' is no id"),
        (["delivery", "retry", "7"], 67, "list delivery"),
        (["delivery", "cancel", "7"], 67, "list delivery"),
    ],
)
def test_what_cannot_be_done_says_why(postroom: Shell, words: list[str], code: int, said: str) -> None:
    ended = postroom(*words)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err


def test_nothing_seen_is_no_failure(postroom: Shell) -> None:
    ended = postroom.ok("where", "nothing")
    assert ended.out == ""
    assert "Nothing was seen" in ended.err
