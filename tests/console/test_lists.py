"""Lists of any kind: windows, selection, marks, and going from one to another."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from core import clock
from core.handles import Handles
from core.models import AccountStatus, Queue
from core.resources.catalogue import kind_named
from core.services.actor import Actor
from core.services.configuration.accounts import accounts
from tests.console.conftest import Opener
from tests.console.rows import add_account, record, run, store
from tui.console.desk import Desk
from tui.console.window import MOST


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
        from core.services.lists import search

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


async def test_help_sets_in_what_goes_on_on_the_next_line(open_console: Opener) -> None:
    async with open_console((60, 20), screen="records") as console:
        await console.press("question_mark", "G")
        await console.until_seen("The columns here:")
        lines = console.lines
        place = next(place for place, line in enumerate(lines) if "column:word" in line)
        assert lines[place + 1].index("queue:support") == lines[place].index("in that column")
        assert "created_at" in " ".join(lines), "times can be looked in"
