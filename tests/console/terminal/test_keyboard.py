"""Keys that arrive faster than the screen can follow, as they do over a slow line."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import pytest
from textual import events

from core.handles import Handles
from core.services.actor import Actor
from core.services.configuration.accounts import accounts
from tests.console.conftest import LONG, Console, Opener
from tests.console.rows import add_account
from tests.waiting import PATIENCE
from tui.console.desk import Desk
from tui.console.dialogs.choose import Choose
from tui.console.screens.form import FormScreen
from tui.console.terminal import keyboard
from tui.console.window import Window

_NAMES = {"/": "slash", ":": "colon", "\r": "enter"}


async def _at_once(console: Console, keys: str) -> None:
    """All of it in one packet."""
    _press(console, keys)
    await console.settled()


def _press(console: Console, keys: Iterable[str]) -> None:
    for key in keys:
        console.app.post_message(events.Key(_NAMES.get(key, key), key))


async def test_a_filter_that_comes_in_one_packet_is_typed_into_the_filter_box(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    add_account(handles, actor, "desk")
    add_account(handles, actor, "office")
    async with open_console() as console:
        await _at_once(console, "/desk")
        assert console.app.screen.filter_box.text == "desk"
        await console.until_seen("1 of 2 accounts")


async def test_what_follows_a_filter_is_done_to_what_it_left(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    add_account(handles, actor, "desk")
    add_account(handles, actor, "office")
    async with open_console() as console:
        await _at_once(console, "/office\re")
        assert isinstance(console.app.screen, FormScreen)
        assert console.app.screen.name_now == "office"


async def test_nothing_is_done_to_rows_that_the_filter_is_about_to_replace(
    open_console: Opener, handles: Handles, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_account(handles, actor, "desk")
    add_account(handles, actor, "office")
    monkeypatch.setattr(keyboard, "PATIENCE", 0.2)
    is_slow, answer = threading.Event(), threading.Event()
    async with open_console() as console:
        screen, first_window = console.app.screen, Desk.first_window

        def slow(*arguments: Any) -> Window:
            is_slow.set()
            assert answer.wait(PATIENCE)
            return first_window(*arguments)

        monkeypatch.setattr(Desk, "first_window", slow)
        for key in "/office\rd":
            console.app.post_message(events.Key(_NAMES.get(key, key), key))
        await console.until(lambda: is_slow.is_set() and not console.app.keyboard.is_busy, "the last key")
        assert console.app.screen is screen, "asked to delete desk, which stood there still"
        monkeypatch.setattr(keyboard, "PATIENCE", LONG)
        answer.set()
        await console.until(lambda: screen.is_narrowed, "the rows of the filter")
        await console.press("d")
        assert "Delete account office?" in console.text


async def test_a_key_that_comes_alone_waits_for_the_rows_that_the_filter_leaves(
    open_console: Opener, handles: Handles, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_account(handles, actor, "desk")
    add_account(handles, actor, "office")
    async with open_console(filter_text="office") as console:
        screen, may_answer, around = console.app.screen, threading.Event(), Desk.window_around_row

        def slow(*arguments: Any) -> Window | None:
            assert may_answer.wait(PATIENCE)
            return around(*arguments)

        monkeypatch.setattr(Desk, "window_around_row", slow)
        _press(console, ["escape"])
        await console.until(lambda: not screen.is_narrowed and not console.app.keyboard.is_busy, "the wider list")
        _press(console, ["asterisk"])
        await console.until(lambda: console.app.keyboard.is_busy, "the key to wait")
        may_answer.set()
        await console.settled()
        assert "2 marked" in console.text


async def test_going_somewhere_in_one_packet_goes_there(open_console: Opener) -> None:
    async with open_console() as console:
        await _at_once(console, ":templ\r")
        assert console.app.screen.place == "templates"


async def test_what_follows_the_key_that_opens_a_form_is_typed_into_the_form(open_console: Opener) -> None:
    async with open_console(screen="queues") as console:
        await _at_once(console, "nquick")
        form = console.app.screen
        assert isinstance(form, FormScreen)
        assert form.fields["name"].typed == "quick"


async def test_a_form_that_waits_for_its_values_keeps_what_is_typed_for_when_they_are_there(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    add_account(handles, actor, "desk")
    async with open_console() as console:
        await _at_once(console, "eX")
        form = console.app.screen
        assert isinstance(form, FormScreen)
        await console.until(lambda: form.fields["name"].typed == "deskX", "what was typed")


async def test_a_form_keeps_what_is_typed_however_long_its_values_take_and_escape_leaves_it(
    open_console: Opener, handles: Handles, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_account(handles, actor, "desk")
    monkeypatch.setattr(keyboard, "PATIENCE", 0.05)
    answer, asked, get = threading.Event(), [], type(accounts).get

    def slow(*arguments: Any) -> Any:
        asked.append(arguments)
        assert answer.wait(PATIENCE)
        return get(*arguments)

    monkeypatch.setattr(type(accounts), "get", slow)
    async with open_console() as console:
        _press(console, "eX")
        await console.until(lambda: bool(asked), "the form to ask for its values")
        first = console.app.screen
        console.app.post_message(events.Key("escape", None))
        await console.until(lambda: console.app.screen is not first, "Escape to lead away")
        _press(console, "eY")
        await console.until(lambda: len(asked) > 1, "the form to ask for its values")
        answer.set()
        form = console.app.screen
        assert isinstance(form, FormScreen)
        await console.until(lambda: form.fields["name"].typed == "deskY", "what was typed")


async def test_keys_meant_for_a_list_of_names_do_not_reach_the_form_below(open_console: Opener) -> None:
    async with open_console(screen="filters") as console:
        await _at_once(console, ":q")
        assert isinstance(console.app.screen, Choose)
        await _at_once(console, "ueues\rn")
        assert isinstance(console.app.screen, FormScreen)
        assert console.app.screen.kind.name == "queue"


async def test_ctrl_c_says_how_one_leaves_and_leaves_when_it_is_pressed_again(open_console: Opener) -> None:
    async with open_console() as console:
        await console.press("ctrl+c")
        await console.until_seen("q leaves the console, ctrl+c again too.")
        console.app.post_message(events.Key("ctrl+c", None))
        await console.until(lambda: console.app.return_value is not None, "the end")
        assert console.app.return_value == 0


async def test_the_keys_that_are_letters_now_are_not_offered(open_console: Opener) -> None:
    async with open_console() as console:
        assert "? help" in console.lines[23]
        assert "enter open" not in console.lines[23], "e does that"
        await console.press("slash")
        assert console.lines[23].split() == ["enter", "to", "the", "list", "esc", "clear"]


async def test_the_palette_offers_what_can_be_done_here(open_console: Opener) -> None:
    async with open_console() as console:
        titles = {command.title for command in console.app.get_system_commands(console.app.screen)}
        assert {"Fetch (f)", "Mark (space)", "Accounts", "Theme"} <= titles
