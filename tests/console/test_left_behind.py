"""Screens that were left: closed ones are let go of, places out of sight do nothing for nobody."""

from __future__ import annotations

import gc
import weakref

import pytest

from core.handles import Handles
from core.services.actor import Actor
from tests.console.conftest import Opener
from tests.console.rows import add_account


@pytest.mark.parametrize(("key", "what"), [("n", "New account"), ("i", "Account desk")])
async def test_what_was_closed_is_kept_by_nobody(
    open_console: Opener, handles: Handles, actor: Actor, key: str, what: str
) -> None:
    add_account(handles, actor, "desk")
    async with open_console() as console:
        await console.press(key)
        await console.until_seen(what)
        closed = weakref.ref(console.app.screen)
        await console.press("escape")
        await console.until_seen("1 account")

        def is_let_go() -> bool:
            gc.collect()
            return closed() is None

        await console.until(is_let_go, "the screen to be let go of")


async def test_a_place_out_of_sight_does_not_draw_its_clock(
    open_console: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_console() as console:
        header = console.app.screen.header
        drawn: list[str] = []
        monkeypatch.setattr(header, "_draw", lambda: drawn.append("drawn"))
        header._tick()
        assert drawn, "in sight it does"
        await console.press("4")
        drawn.clear()
        header._tick()
        assert not drawn
