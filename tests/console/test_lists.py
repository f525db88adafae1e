"""Lists of any kind: filter, windows, selection, delete and bring back."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from core import clock
from core.handles import Handles
from core.models import AccountStatus, Queue
from core.resources.catalogue import kind_named
from core.services.accounts import accounts
from core.services.actor import Actor
from core.services.filters import filters
from core.services.queues import queues
from core.services.templates import templates
from tests.console.conftest import Opener
from tests.console.rows import add_account, message, record, run, store
from tui.console.desk import Desk
from tui.console.window import MOST


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


async def test_a_table_holds_a_window_of_a_long_list(open_console: Opener, handles: Handles) -> None:
    store(handles, [record(number, f"subject {number}") for number in range(1, 451)], "record")
    async with open_console(screen="records") as console:
        table = console.app.screen.table
        assert "subject 450" in console.lines[3]
        assert "450 records" in console.lines[1]
        seen = set()
        for _ in range(30):
            await console.press("pagedown")
            seen |= {row["id"] for row in table.window.rows}
            assert len(table.window.rows) <= MOST
        assert len(seen) == 450
        assert table.selected["id"] == 1
        for _ in range(30):
            await console.press("pageup")
        assert table.selected["id"] == 450


async def test_first_and_last_are_of_the_whole_list(open_console: Opener, handles: Handles) -> None:
    store(handles, [record(number, f"subject {number}") for number in range(1, 501)], "record")
    async with open_console(screen="records") as console:
        await console.press("G")
        assert console.app.screen.table.selected["id"] == 1
        await console.press("g")
        assert console.app.screen.table.selected["id"] == 500


async def test_what_was_just_saved_is_selected_wherever_in_the_list_it_stands(
    open_console: Opener, handles: Handles
) -> None:
    now = clock.utcnow()
    store(handles, [Queue(name=f"queue {one:03}", created_at=now, updated_at=now) for one in range(250)], "queue")
    async with open_console(screen="queues") as console:
        table = console.app.screen.table
        for name in ("queue 180x", "zz the last", "a the first"):
            await console.press("n")
            await console.type(name)
            await console.press("ctrl+f")
            await console.until(lambda name=name: table.selected["name"] == name, name)  # type: ignore[misc]
            assert f"▸{name}" in console.text
        await console.press("k")
        assert table.selected["name"] == "Raw"


async def test_the_selection_stays_on_its_row_when_new_rows_come(open_console: Opener, handles: Handles) -> None:
    store(handles, [record(number, f"subject {number}") for number in range(1, 11)], "record")
    async with open_console(screen="records") as console:
        await console.press("j", "j")
        assert console.app.screen.table.selected["id"] == 8
        store(handles, [record(11, "the newest")], "record")
        await console.until(lambda: len(console.app.screen.table.window.rows) == 11, "the new row")
        assert console.app.screen.table.selected["id"] == 8


async def test_only_the_lines_that_changed_are_drawn_again(open_console: Opener, handles: Handles) -> None:
    store(handles, [record(number, f"subject {number}") for number in range(1, 11)], "record")
    async with open_console(screen="records") as console:
        table = console.app.screen.table
        drawn: list[int] = []
        table._refresh_row = drawn.append  # type: ignore[method-assign]
        store(handles, [record(9, "changed")], "record")
        await console.until(lambda: table.window.rows[1]["title"] == "changed", "the change")
        assert set(drawn) == {1}


async def test_delete_asks_with_another_key_and_can_be_undone(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    queues.add(handles, actor, "Alpha", {})
    async with open_console(screen="queues") as console:
        await console.press("d")
        assert "Delete queue Alpha?" in console.text
        await console.press("d")
        assert "Delete queue Alpha?" in console.text
        await console.press("y")
        await console.until_seen("Deleted Alpha")
        assert "Alpha" not in console.lines[3]
        await console.press("u")
        await console.until_seen("Alpha is back")
        assert "Alpha" in console.lines[3]


async def test_a_refused_delete_names_what_depends(open_console: Opener, handles: Handles, actor: Actor) -> None:
    templates.add(handles, actor, "A relay", {"smtp_host": "relay.example.org"})
    from core.services.mailboxes import mailboxes

    mailboxes.add(handles, actor, "news", {"template": "A relay", "username": "news", "password": "x"})
    async with open_console(screen="templates") as console:
        await console.press("d", "y")
        await console.until_seen("was not deleted")
        assert "(news)" in console.text
    assert templates.get(handles, actor, "A relay")


async def test_marked_rows_are_deleted_together(open_console: Opener, handles: Handles, actor: Actor) -> None:
    for name in ("A1", "A2", "A3"):
        queues.add(handles, actor, name, {})
    async with open_console(screen="queues") as console:
        await console.press("space", "space")
        assert "2 marked" in console.lines[1]
        await console.press("d", "y")
        await console.until_seen("Deleted A1, A2")


async def test_a_marked_row_is_meant_though_it_is_no_longer_held(open_console: Opener, handles: Handles) -> None:
    now = clock.utcnow()
    store(handles, [Queue(name=f"A{one:03}", created_at=now, updated_at=now) for one in range(2 * MOST)], "queue")
    async with open_console(screen="queues") as console:
        await console.press("space", "G")
        assert "A000" not in [row["name"] for row in console.app.screen.table.window.rows]
        await console.press("d")
        assert "Delete queue A000?" in console.text


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


async def test_go_to_finds_a_place_by_a_part_of_its_name(open_console: Opener) -> None:
    async with open_console() as console:
        await console.press("colon")
        await console.type("filt")
        await console.press("enter")
        assert "Filters" in console.lines[0]


async def test_go_to_knows_what_commands_call_a_kind(open_console: Opener) -> None:
    async with open_console() as console:
        await console.press("colon")
        await console.type("delivery")
        await console.press("enter")
        assert "Postroom · Deliveries" in console.text


async def test_names_are_whole_where_there_is_little_room(open_console: Opener, handles: Handles, actor: Actor) -> None:
    for number in (1, 2):
        add_account(handles, actor, f"branch-{number:04}")
    async with open_console((40, 12)) as console:
        assert "branch-0001" in console.text
        assert "branch-0002" in console.text


async def test_what_one_chooses_is_pointed_at_and_not_by_colour_alone(open_console: Opener) -> None:
    async with open_console() as console:
        await console.press("colon", "down")
        assert [line for line in console.lines if "▸ Live fetch" in line]
        assert console.text.count("▸ ") == 1
        await console.type("qu")
        assert [line for line in console.lines if "▸ Qu" in line]


async def test_help_lists_the_keys(open_console: Opener) -> None:
    async with open_console() as console:
        await console.press("question_mark")
        assert "Narrow the list as you type" in console.text
        assert "Fetch now, whatever its due time" in console.text
        await console.press("escape")
        assert "Accounts" in console.lines[0]


@pytest.mark.parametrize(
    ("key", "title"), [("1", "Overview"), ("2", "Live fetch"), ("3", "Accounts"), ("9", "Records")]
)
async def test_the_first_screens_have_numbers(open_console: Opener, key: str, title: str) -> None:
    async with open_console(screen="queues") as console:
        await console.press(key)
        assert title in console.lines[0]


async def test_a_database_out_of_reach_is_said_and_the_rows_stay(
    open_console: Opener, handles: Handles, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_account(handles, actor, "support")
    async with open_console() as console:
        from core.errors import StoreBusy
        from core.services import search

        def away(*_: object, **__: object) -> None:
            raise StoreBusy("The database is out of reach.")

        monkeypatch.setattr(search, "matching", away)
        console.app.screen.refresh_data()
        await console.until_seen("The database is out of reach.")
        assert "support" in console.lines[3]


async def test_the_scrollbar_covers_no_column(open_console: Opener, handles: Handles) -> None:
    store(handles, [run(number, "office", state="failed", error="refused " * 9) for number in range(1, 41)], "run")
    async with open_console(screen="runs") as console:
        assert {line[78] for line in console.lines[3:20]} == {"…"}, "the last cell ends before it"


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


async def test_a_column_that_is_none_is_named_with_those_there_are(open_console: Opener) -> None:
    async with open_console(screen="queues", filter_text="quee:support") as console:
        await console.until_seen("There is no column quee to look in. There are: ")
        assert "name, validity, closed" in " ".join(console.text.split())


async def test_what_is_new_is_in_sight_of_whoever_is_at_the_top(open_console: Opener, handles: Handles) -> None:
    store(handles, [record(number, f"subject {number}") for number in range(1, 30)], "record")
    async with open_console(screen="records") as console:
        store(handles, [record(30, "subject 30")], "record")
        await console.until_seen("subject 30")
        assert console.app.screen.table.selected["title"] == "subject 29", "and the selection stays on its row"
        assert "subject 30" in console.lines[3]
        store(handles, [record(number, f"subject {number}") for number in range(31, 60)], "record")
        await console.until(lambda: "59 records" in console.lines[1], "the new ones")
        assert "subject 29" in console.text, "the selected row stays in sight"
        await console.press("8", "9")
        assert console.app.screen.table.selected["title"] == "subject 59", "it was the first one, so it is again"
        await console.press("j", "8", "9")
        assert console.app.screen.table.selected["title"] == "subject 58"


async def test_what_was_deleted_before_this_console_was_opened_can_be_brought_back(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    for name in ("Support", "Sales"):
        queues.add(handles, actor, name, {})
        queues.delete(handles, actor, name)
    async with open_console(screen="queues") as console:
        await console.press("u")
        await console.until_seen("Bring back which queue?")
        await console.type("sup")
        await console.press("enter")
        await console.until_seen("Support is back.")
        assert [row["name"] for row in queues.matching(handles, actor, "name:s").rows].count("Support") == 1


async def test_an_account_that_is_not_fetched_has_no_next_time(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    add_account(handles, actor, "paused")
    accounts.pause(handles, actor, "paused")
    add_account(handles, actor, "invalid", validity="invalid")
    add_account(handles, actor, "valid")
    async with open_console() as console:
        times = {row["name"]: row["due_at"] for row in console.app.screen.table.window.rows}
        assert times["paused"] is None
        assert times["invalid"] is None
        assert times["valid"] is not None
        assert [line.split()[-2] for line in console.lines[3:6]] == ["untried", "paused", "now"]


async def test_an_account_whose_runs_are_over_their_time_was_fetched(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    add_account(handles, actor, "old")
    now = clock.utcnow()
    store(handles, [AccountStatus(account_id=1, due_at=now, last_ok_at=now - timedelta(days=400))], "account")
    async with open_console() as console:
        await console.until_seen("✓ ok")
        assert "has not been fetched yet" not in console.text


async def test_the_clock_and_the_help_say_which_zone_the_times_of_a_list_are_in(
    open_console: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        async with open_console() as console:
            await console.until_seen(" IST")
            await console.press("question_mark", "G")
            await console.until_seen("Times are local: IST.")
        async with open_console(size=(36, 20)) as console:
            assert "IST" not in console.lines[0]
    finally:
        monkeypatch.undo()
        time.tzset()


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


async def test_what_was_saved_is_selected_also_when_its_form_stayed_open(open_console: Opener) -> None:
    async with open_console(screen="queues") as console:
        await console.press("n")
        await console.type("Zebra")
        await console.press("ctrl+s", "escape")
        assert console.app.screen.table.selected["name"] == "Zebra"


async def test_the_help_names_the_digits_once(open_console: Opener) -> None:
    async with open_console() as console:
        await console.press("question_mark", "G")
        await console.until_seen("1-9")
        assert console.text.count("To one of the first screens") == 1


def test_of_many_names_each_can_be_chosen(handles: Handles, actor: Actor) -> None:
    now = clock.utcnow()
    store(handles, [Queue(id=one, name=f"team {one}", created_at=now, updated_at=now) for one in range(10, 260)])
    assert "team 259" in Desk(handles, actor).names(kind_named("queue"))
