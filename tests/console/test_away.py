"""A database that is slow, or gone for a while."""

from __future__ import annotations

import threading

import pytest
from textual import events

from core.errors import StoreBusy
from core.handles import Handles
from core.services import setting_sections
from core.services.actor import Actor
from tests.console.conftest import Opener
from tests.console.rows import add_account
from tests.waiting import PATIENCE
from tui.console.desk import Desk
from tui.console.screens.form import FormScreen
from tui.console.standing import Standing
from tui.console.window import Window


async def test_a_database_that_takes_its_time_is_seen_and_stops_nobody(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    for name in ("desk", "office"):
        add_account(handles, actor, name)
    held, done = threading.Event(), threading.Event()

    def hold(_: object) -> None:
        held.set()
        done.wait(PATIENCE)

    writer = threading.Thread(target=handles.database.writing, args=(hold,))
    async with open_console() as console:
        writer.start()
        assert held.wait(PATIENCE)
        console.app.screen.action_act("validity")
        await console.until(lambda: "waiting 1 s" in console.lines[0], "the header to say so")
        table = console.app.screen.table
        table.action_move(1)
        assert table.selected["name"] == "office"
        done.set()
        await console.until_seen("invalid")
        await console.until(lambda: "waiting" not in console.lines[0], "the header to be as it was")
    writer.join()


async def test_a_database_that_is_gone_is_told_until_it_is_back(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    add_account(handles, actor, "desk")
    file = handles.environment.database_file
    async with open_console() as console:
        away = file.rename(file.with_name("away.db"))
        console.app._count()
        await console.until_seen("no database")
        assert "is gone: moved away or removed" in " ".join(console.text.split())
        await console.press("G")
        console.app.go_to("queues")
        await console.settled()
        # What was asked for its rows may say so first, in the database's own words.
        assert "moved away or removed" in " ".join(console.text.split()), "on every screen, whatever is selected"
        console.app.go_to("accounts")
        away.rename(file)
        console.app._count()
        await console.until(lambda: "no database" not in console.text, "the header to be as it was")
        await console.until_seen("desk has not been fetched yet")


async def test_what_can_only_be_read_is_not_looked_up_anew_at_each_count(
    open_console: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Standing(trouble="The disk is full.", trouble_in_short="disk full", is_known=True)
    monkeypatch.setattr(Desk, "standing", lambda _: full)
    async with open_console() as console:
        await console.until_seen("disk full")
        asked: list[str] = []
        monkeypatch.setattr(console.app.screen, "refresh_data", lambda: asked.append("rows"))
        console.app._stand(full)
        assert not asked
        console.app._stand(Standing(is_known=True))
        assert asked, "there is room again"


async def test_one_can_leave_while_the_rows_are_still_looked_up(
    open_console: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = threading.Event()

    def slow(*_: object) -> Window:
        answer.wait(PATIENCE)
        return Window()

    monkeypatch.setattr(Desk, "first_window", slow)
    async with open_console(settles=False) as console:
        for key in "4q":
            console.app.post_message(events.Key(key, key))
        await console.until(lambda: console.app.return_value is not None, "the end")
        answer.set()


async def test_a_form_that_cannot_be_read_is_not_shown_with_defaults_to_be_saved(
    open_console: Opener, handles: Handles, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreBusy("The database is out of reach.")

    async with open_console(screen="settings") as console:
        monkeypatch.setattr(setting_sections.Section, "get", away)
        await console.press("e")
        await console.until_seen("The database is out of reach.")
        assert not isinstance(console.app.screen, FormScreen)


async def test_what_is_being_saved_is_not_said_to_be_thrown_away(open_console: Opener, handles: Handles) -> None:
    held, done = threading.Event(), threading.Event()

    def hold(_: object) -> None:
        held.set()
        done.wait(PATIENCE)

    writer = threading.Thread(target=handles.database.writing, args=(hold,))
    async with open_console(screen="queues") as console:
        await console.press("n")
        await console.type("Later")
        writer.start()
        assert held.wait(PATIENCE)
        console.app.screen.action_finish()
        await console.until(lambda: console.app.screen.calls.is_asked("write"), "the save to be on its way")
        console.app.post_message(events.Key("escape", None))
        await console.until_seen("This is being saved")
        console.app.post_message(events.Key("y", "y"))
        await console.until(lambda: "Queues" in console.lines[0], "the list")
        done.set()
        await console.until_seen("Later")
    writer.join()
