"""What a first run would do, told from what lies on the server."""

from datetime import date
from typing import Any

import pytest

from core.protocols.findings import Asked, Contents
from core.services.connection_tests.first_run import asked_of, plan, refusal

FIVE = Contents("INBOX", 5, date(2019, 3, 1))
VALUES = {"type": "IMAPS", "start_from": "all", "after_fetch": "keep", "max_size": 1024, "mark_seen": False}


@pytest.mark.parametrize(
    ("values", "found", "text"),
    [
        ({}, [FIVE], "take in 5 messages, oldest 2019-03-01, and leave them on the server as they are"),
        ({"mark_seen": True}, [Contents("INBOX", 1)], "take in 1 message, and leave them on the server marked as read"),
        ({"after_fetch": "delete"}, [FIVE], "take in 5 messages, oldest 2019-03-01, and delete them on the server"),
        (
            {"after_fetch": "delete"},
            [Contents("INBOX", 5, deletes_into_trash=True)],
            "take in 5 messages, and move them to the server's Trash (Gmail has no other way to delete)",
        ),
        (
            {"start_from": "now", "after_fetch": "move", "move_to": "Done"},
            [FIVE],
            "take in nothing of what is there, and move what comes to Done on the server",
        ),
        (
            {"start_from": "now"},
            [FIVE],
            "take in nothing of what is there, and leave what comes on the server as it is",
        ),
        (
            {"start_from": "2026-01-31", "after_fetch": "delete"},
            [Contents("INBOX", 5, date(2019, 3, 1), since=2)],
            "take in 2 of 5 messages, those from the day set on, and delete them on the server",
        ),
        (
            {"after_fetch": "delete"},
            [Contents("INBOX", 5, too_large=1), Contents("More", 3, too_large=1)],
            "take in 4 messages in INBOX and 2 messages in More, and delete them on the server; "
            "2 stay there, larger than 1KiB",
        ),
    ],
)
def test_the_plan_says_what_a_first_run_would_do(values: dict[str, Any], found: list[Contents], text: str) -> None:
    assert plan({**VALUES, **values}, found) == f"a first run would {text}"
    assert refusal({**VALUES, **values}, found) is None


@pytest.mark.parametrize(
    ("values", "is_named", "what"),
    [
        ({"type": "POP3S", "start_from": "2026-01-31"}, True, 'Set "start from" to all or now'),
        ({"type": "POP3S"}, False, 'Set "after fetching" to delete'),
        ({"type": "POP3S", "after_fetch": "delete", "start_from": "now"}, False, 'Set "start from" to all'),
    ],
)
def test_what_the_server_cannot_do_is_refused_with_what_to_change(
    values: dict[str, Any], is_named: bool, what: str
) -> None:
    assert what in str(refusal({**VALUES, **values}, [Contents("", 5, is_named=is_named)]))


def test_a_folder_that_the_server_cannot_make_is_refused_with_a_name_that_it_can() -> None:
    values = {**VALUES, "after_fetch": "move", "move_to": "Old"}
    assert "to 'INBOX.Old'" in str(refusal(values, [Contents("INBOX", 5, target_name="INBOX.Old")]))


def test_a_server_without_names_is_fine_where_everything_is_fetched_and_deleted() -> None:
    values = {**VALUES, "type": "POP3S", "after_fetch": "delete"}
    assert refusal(values, [Contents("", 5, is_named=False)]) is None


def test_only_what_is_needed_is_asked_for() -> None:
    values = {"start_from": "all", "max_size": 10, "after_fetch": "keep", "move_to": "Old"}
    assert asked_of(values) == Asked(None, 10)
    assert asked_of({**values, "start_from": "2026-01-31"}) == Asked(date(2026, 1, 31), 10)
    assert asked_of({**values, "after_fetch": "move"}) == Asked(None, 10, "Old")
