"""A console on a home of its own, driven with the keyboard."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot

from core.environment import Environment
from core.gateway import open_gateway
from core.handles import Handles
from core.services.actor import Actor, current_actor
from tests.waiting import PATIENCE
from tui.console.app import PostroomApp
from tui.console.calls import Calls
from tui.console.preferences import Preferences
from tui.console.terminal import keyboard

LONG = 60.0
"""Seconds that no machine needs, however busy it is."""
_NAMES = {" ": "space", ".": "full_stop", "@": "at", "-": "minus", ":": "colon", "_": "underscore"}
NARROW, WIDE, SPACIOUS = (80, 24), (120, 32), (160, 40)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is looked at here is where the keys go, not how long they wait for a busy machine."""
    monkeypatch.setattr(keyboard, "PATIENCE", LONG)


@pytest.fixture
def handles(environment: Environment, sqlite_template: Path) -> Iterator[Handles]:
    shutil.copytree(sqlite_template, environment.home)
    opened = open_gateway(environment)
    yield opened
    opened.close()


@pytest.fixture
def actor(handles: Handles) -> Actor:
    return current_actor(handles)


class Console:
    """A running console and what is seen of it."""

    def __init__(self, pilot: Pilot[Any]) -> None:
        self.pilot = pilot
        self.app: PostroomApp = pilot.app  # type: ignore[assignment]

    async def press(self, *keys: str) -> None:
        """Press keys, and wait for what they bring about."""
        for key in keys:
            self.app.post_message(events.Key(key, key if len(key) == 1 else None))
            await self.settled()

    async def press_together(self, *keys: str) -> None:
        """Press keys as one packet brings them, and wait for what the last one brings about."""
        for key in keys:
            self.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await self.settled()

    async def type(self, text: str) -> None:
        """Type a text where the keys go."""
        for letter in text:
            self.app.post_message(events.Key(_NAMES.get(letter, letter), letter))
        await self.settled()

    async def settled(self) -> None:
        """Until nobody waits for an answer, and all that was said was heard."""
        await self.until(self._is_still, "the services to answer")

    async def until(self, is_so: Callable[[], bool], what: str) -> None:
        """Until something is so, and stays so for a moment."""
        deadline = time.monotonic() + PATIENCE
        quiet = 0
        while quiet < 3:
            assert time.monotonic() < deadline, f"waited in vain for {what}:\n{self.text}"
            await asyncio.sleep(0.01)
            quiet = quiet + 1 if is_so() else 0

    def _is_still(self) -> bool:
        pumps = [self.app, *self.app.screen_stack, *self.app.screen.walk_children()]
        if self.app.keyboard.is_busy or any(calls.is_busy for calls in self._calls()):
            return False
        return not any(pump.message_queue_size for pump in pumps) and self._is_drawn()

    def _is_drawn(self) -> bool:
        """Whether the top screen shows what its widgets hold; it draws itself sixty times a second at most."""
        screen = self.app.screen
        asked = screen._layout_required or screen._scroll_required or screen._repaint_required
        is_moving = bool(self.app.animator._animations)
        return not (asked or is_moving or screen._dirty_widgets or screen._callbacks)

    async def until_seen(self, text: str) -> None:
        await self.until(lambda: text in self.text, repr(text))

    @property
    def lines(self) -> list[str]:
        """The top screen as it is drawn, line by line."""
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip) for strip in strips]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def _calls(self) -> list[Calls]:
        owners = [self.app, *self.app.screen_stack]
        return [owner.calls for owner in owners if hasattr(owner, "calls")]


Opener = Callable[..., Any]


@pytest.fixture
def open_console(handles: Handles, actor: Actor) -> Opener:
    @asynccontextmanager
    async def opened(size: tuple[int, int] = NARROW, *, settles: bool = True, **options: Any) -> AsyncIterator[Console]:
        app = PostroomApp(handles, options.pop("actor", actor), preferences=Preferences(), **options)
        async with app.run_test(size=size) as pilot:
            console = Console(pilot)
            if settles:
                await console.settled()
            yield console

    return opened
