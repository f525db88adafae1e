"""Explaining a message: the real path, every reason, and no trace of it afterwards."""

from typing import Any

import pytest
from sqlalchemy import func, select

from core.db.bulk import table_of
from core.errors import ConfigurationError
from core.handles import Handles
from core.inbound.explain import explain
from core.inbound.record_types import names
from core.models import Counter, Message, Record, Run, metadata
from core.services.actor import Actor
from core.services.configuration.config_text import import_text
from core.services.what_if.explaining import account_named, explained, outcome_as_json
from tests.accounts import message
from tests.services.worlds import NOW, put

RULES = """
[settings]
plus_addressing = true

[[queue]]
name = "Support"
[[queue]]
name = "Boss"

[[address]]
address = "support@example.com"
queue = "Support"

[[account]]
name = "trusting"
type = "IMAPS"
host = "imap.example.org"
username = "u@example.org"
trusted = true
max_size = "2kB"

[[filter]]
name = "010 priority"
match = [ { header = "Subject", regex = "printer" } ]
set = { "X-OTOBO-Priority" = "5 very high" }

[[filter]]
name = "020 title"
match = [ { header = "From", regex = 'EMAILADDRESS:(\\w+)@example\\.org' } ]
set = { "X-Postroom-Title" = "For [***]" }

[[filter]]
name = "030 spam"
match = [ { header = "X-Spam-Flag", regex = "yes" } ]
set = { "X-OTOBO-Ignore" = "yes" }
"""

PRINTER = message(
    "1",
    "From: <ann@example.org>",
    "To: <support+urgent@example.com>",
    "Subject: printer on fire",
    "X-OTOBO-Queue: Boss",
)


@pytest.fixture
def ruled(handles: Handles, admin: Actor) -> Handles:
    import_text(handles, admin, RULES, "rules.toml")
    return handles


def reasons(found: Any) -> list[tuple[str, str, str]]:
    return [(step.stage.value, step.rule, step.why) for step in found.trail]


def test_two_filters_a_trusted_queue_and_plus_addressing_give_the_whole_chain_of_reasons(ruled: Handles) -> None:
    found = explain(ruled, PRINTER, account_named(ruled, "trusting"))

    assert reasons(found) == [
        ("trust", "trusted", "says Queue"),
        ("bounce", "", "not a report"),
        ("filters", "010 priority", "sets Priority = 5 very high"),
        ("filters", "020 title", "sets Title = For ann"),
        ("ignore", "", "not asked for"),
        ("loop guard", "", "within its limits"),
        ("follow-up", "", "no record number, answers nothing"),
        (
            "dispatch",
            "Queue",
            "queue Boss, as a control header says; without it queue Support, by the address support@example.com "
            "(plus-addressing: support+urgent@example.com)",
        ),
    ]
    assert (found.state, found.record_type, found.record, found.queue) == ("recorded", "Ticket", "", "Boss")
    assert found.values["priority"] == "5 very high"
    assert found.values["title"] == "For ann"


def test_without_an_account_the_defaults_hold_and_nobody_is_trusted(ruled: Handles) -> None:
    found = explain(ruled, PRINTER)

    assert reasons(found)[0] == ("trust", "untrusted", "1 control header removed")
    assert reasons(found)[-1][:2] == ("dispatch", "To")
    assert found.queue == "Support"


def test_an_answer_is_explained_as_a_follow_up_with_what_it_changes(ruled: Handles) -> None:
    number = "2026112010000001"
    put(ruled, Record(id=1, number=number, queue_id=1, state="closed successful", created_at=NOW, updated_at=NOW))

    found = explain(ruled, message("2", f"Subject: Re: [Ticket#{number}] hello"))

    assert (found.state, found.record_type, found.record, found.queue) == ("recorded", "", number, "Raw")
    assert found.values == {"state": "open"}
    assert reasons(found)[-1][:2] == ("follow-up", "subject")


def test_an_ignored_message_ends_there(ruled: Handles) -> None:
    found = explain(ruled, message("3", "X-Spam-Flag: YES"))

    assert (found.state, found.record_type, found.queue, dict(found.values)) == ("ignored", "", "", {})
    assert reasons(found)[-1][0] == "ignore"


def test_what_the_loop_guard_would_stop_is_explained_as_quarantined(ruled: Handles) -> None:
    ours = message("4", "From: <support@example.com>", "Auto-Submitted: auto-replied")

    found = explain(ruled, ours)

    assert found.state == "quarantined"
    assert found.reason.startswith("loop guard: support@example.com is one of our own addresses")


def test_what_is_over_the_accounts_limit_is_too_large(ruled: Handles) -> None:
    found = explain(ruled, message("5", body="x" * 3000), account_named(ruled, "trusting"))

    assert found.state == "too_large"
    assert "over the account's limit of 2,000" in found.reason


@pytest.mark.parametrize("raw", [b"\x00", b"\r\n\r\n", b"From:\r\n" * 2000, b"Subject: =?x?q?=00?=\r\n\r\n\x00"])
def test_any_bytes_are_explained(ruled: Handles, raw: bytes) -> None:
    assert explain(ruled, raw).state == "recorded"


def test_a_record_type_that_raises_is_explained_as_quarantined(ruled: Handles, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.inbound import record_types

    class Broken:
        name, hook = "Broken", "Broken#"

        def draft(self, *_: object) -> None:
            raise LookupError("no such thing")

    monkeypatch.setattr(record_types, "get", lambda _: Broken())

    found = explain(ruled, PRINTER)

    assert (found.state, found.reason) == ("quarantined", "could not be processed: record type Broken: LookupError")


def test_an_account_whose_record_type_is_not_installed_says_so(ruled: Handles) -> None:
    account = account_named(ruled, "trusting")
    account.record_type = "Moon"
    assert "Moon" not in names()
    with pytest.raises(ConfigurationError, match="no record type Moon"):
        explain(ruled, PRINTER, account)


def test_explaining_writes_nothing(ruled: Handles) -> None:
    def rows() -> dict[str, int]:
        with ruled.database.reading() as session:
            return {
                table.name: session.connection().execute(select(func.count()).select_from(table)).scalar_one()
                for table in metadata.sorted_tables
                if table.name != "changed"  # what the import moved is told a moment later
            }

    before = rows()
    for raw in (PRINTER, message("3", "X-Spam-Flag: YES")):
        explain(ruled, raw, account_named(ruled, "trusting"))
    assert rows() == before
    assert all(before[table_of(model).name] == 0 for model in (Message, Record, Run))
    with ruled.database.reading() as session:
        assert session.get(Counter, "record") is None


def test_an_outcome_as_json_names_state_queue_record_and_every_step(ruled: Handles, admin: Actor) -> None:
    shown = outcome_as_json(explained(ruled, admin, PRINTER, "trusting"))

    assert shown["state"] == "recorded"
    assert shown["record"] is None
    assert shown["queue"] == "Boss"
    assert shown["trail"][0] == {"stage": "trust", "rule": "trusted", "why": "says Queue"}
    assert shown["complaints"] == []
