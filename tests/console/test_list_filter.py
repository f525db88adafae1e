"""The filter of a list: what it finds, what it lacks, and what stays selected."""

from __future__ import annotations

from datetime import datetime

from core.handles import Handles
from core.services.actor import Actor
from core.services.configuration.filters import filters
from core.services.configuration.queues import queues
from tests.console.conftest import Opener
from tests.console.rows import add_account, message, record, store


async def test_the_filter_runs_in_the_database_and_escape_clears_it(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    for name in ("office", "home", "hr-office"):
        add_account(handles, actor, name)
    async with open_console() as console:
        await console.press("slash")
        await console.type("name:office -hr")
        await console.until_seen("1 of 3 accounts")
        assert "home" not in "\n".join(console.lines[3:20])
        await console.press("escape")
        await console.until_seen("3 accounts")


async def test_the_filter_is_there_when_one_comes_back(open_console: Opener, handles: Handles, actor: Actor) -> None:
    add_account(handles, actor, "office")
    async with open_console() as console:
        await console.press("slash")
        await console.type("office")
        await console.press("enter", "9", "3")
        assert "/ office" in console.lines[1]


async def test_all_that_the_filter_leaves_are_marked_with_one_key(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    for name in ("Zone 1", "Zone 2", "Zone 3"):
        queues.add(handles, actor, name, {})
    async with open_console(screen="queues", filter_text="zone") as console:
        await console.press("asterisk")
        assert "3 marked" in console.lines[1]
        await console.press("asterisk")
        assert "marked" not in console.lines[1]
        await console.press("asterisk", "d")
        await console.until_seen("Delete these 3 queues: Zone 1, Zone 2, Zone 3?")
        await console.until_seen("They can be brought back with u")


async def test_what_a_filter_does_is_read_in_the_list(open_console: Opener, handles: Handles, actor: Actor) -> None:
    match = [{"header": "Subject", "regex": "spam", "negate": False}, {"header": "To", "regex": "us", "negate": True}]
    filters.add(handles, actor, "010 spam", {"match": match, "set": {"X-Postroom-Queue": "Junk"}, "stop": True})
    async with open_console(screen="filters") as console:
        assert "Subject: spam & !To: us" in console.lines[3]
        assert "X-Postroom-Queue: Junk" in console.lines[3]


async def test_a_column_can_be_called_as_it_is_headed(open_console: Opener, handles: Handles) -> None:
    store(handles, [*message(1, "Hi"), *message(2, "Ho", header_from="Bob <bob@example.org>")], "message")
    async with open_console(screen="messages", filter_text="from:bob") as console:
        await console.until_seen("1 of 2 messages")


async def test_mail_of_a_day_is_found_and_what_is_no_day_is_said(open_console: Opener, handles: Handles) -> None:
    then = datetime(2026, 11, 17, 23, 59).astimezone()
    store(handles, [*message(1, "Hi", received_at=then), *message(2, "Ho")], "message")
    async with open_console(screen="messages", filter_text="ann received:2026-11-17") as console:
        await console.until_seen("1 of 2 messages")
        assert console.app.screen.table.selected["subject"] == "Hi"
    async with open_console(screen="messages", filter_text="-received:2026-11-17") as console:
        await console.until_seen("1 of 2 messages")
        assert console.app.screen.table.selected["subject"] == "Ho"
    async with open_console(screen="messages", filter_text="received:soon") as console:
        await console.until_seen("soon is no time to look for in received_at.")


async def test_a_column_that_is_none_is_named_with_those_there_are(open_console: Opener) -> None:
    async with open_console(screen="queues", filter_text="quee:support") as console:
        await console.until_seen("There is no column quee to look in. There are: ")
        assert "name, validity, closed" in " ".join(console.text.split())


async def test_what_a_filter_found_stays_selected_when_it_is_cleared(open_console: Opener, handles: Handles) -> None:
    store(handles, [record(number, f"Printer {number}") for number in range(1, 401)], "record")
    async with open_console(screen="records") as console:
        await console.press("slash")
        await console.type("title:12")
        await console.press("enter", "G")
        assert console.app.screen.table.selected["id"] == 12
        await console.press("escape")
        await console.until_seen("400 records")
        assert console.app.screen.table.selected["id"] == 12
        await console.press("j")
        assert console.app.screen.table.selected["id"] == 11
        await console.press("g")
        assert console.app.screen.table.selected["id"] == 400


async def test_a_filter_that_is_thought_better_of_leads_to_the_beginning(
    open_console: Opener, handles: Handles
) -> None:
    store(handles, [record(number, f"Printer {number}") for number in range(1, 4)], "record")
    async with open_console(screen="records") as console:
        await console.press("slash")
        await console.type("printer 1")
        await console.press("escape")
        assert console.app.screen.table.selected["id"] == 3


async def test_what_a_filter_lacks_is_said_as_it_is_typed_here(open_console: Opener) -> None:
    async with open_console(screen="filters") as console:
        await console.press("n", "ctrl+s")
        await console.until_seen("Not saved: Name is missing; it must be given. 2 more below.")
        await console.until_seen("✗ holds at least one condition. A line each:")
        assert "[{" not in console.text
