"""Keys one after another: each waits until what the one before it brought about is there.

The framework gives a key to whatever has the focus at that moment, but moves the focus and opens screens later, when
the key's own message has gone all its way. Over a slow line many keys arrive at once: of `/desk` the `d` would be
pressed on the list, and ask to delete.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from textual import events
from textual.app import App
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget

PATIENCE = 2.0
"""Seconds after which the next key goes out although the last one seems to be on its way still."""

READY_AFTER = 0.02
"""Seconds between two looks whether a screen that is being filled takes keys."""

ALWAYS = frozenset({"escape", "ctrl+c", "ctrl+q"})
"""Keys that wait for no screen to be filled: they lead away from it."""

Typed = events.Key | events.Paste
_Place = tuple[Screen[Any], Widget]
_GONE = events.Key("", None)
"""In the place of a key that was there long before: nothing of it is to come."""


class Keyboard:
    """What was typed and waits, and the key that is on its way."""

    def __init__(self, app: App[Any], hand_on: Callable[[events.Event], Awaitable[None]]) -> None:
        self._app = app
        self._hand_on = hand_on
        self._waiting: deque[Typed] = deque()
        self._under_way: Typed | None = None
        self._alarm: Timer | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a key is on its way, or waits."""
        return self._under_way is not None

    async def take(self, typed: Typed) -> None:
        """Hand a key on, now or when its turn comes."""
        self._waiting.append(typed)
        if self._under_way is None:
            # As if the key before it, long gone, were on its way until the screen is ready.
            self._sent(_GONE)
            await self._over(_GONE)

    async def _next(self) -> None:
        if not self._waiting:
            return
        typed = self._waiting.popleft()
        self._sent(typed)
        place = self._place()
        await self._hand_on(typed)
        # Once for the key itself, once for what was said because of it, such as that a line was entered.
        self._follow(typed, place, list(place[1].ancestors_with_self), passes=2)

    def _sent(self, typed: Typed) -> None:
        self._under_way = typed
        # Whatever becomes of the message that says it is over: the keyboard is never dead.
        self._alarm = self._app.set_timer(PATIENCE, partial(self._over, typed, is_late=True))

    def _follow(self, typed: Typed, place: _Place, way: list[Any], passes: int) -> None:
        """Go the way of the key, a step behind it: from what has the focus up to the application."""
        while way:
            if way.pop(0).call_later(self._follow, typed, place, way, passes):
                return
        now = self._place()
        passes = 1 if now != place else passes - 1
        if passes:
            self._follow(typed, now, list(now[1].ancestors_with_self), passes)
        else:
            self._app.call_later(self._over, typed)

    def _place(self) -> _Place:
        """The screen on top, and what gets the keys there."""
        return self._app.screen, self._app.focused or self._app.screen

    async def _over(self, typed: Typed, *, is_late: bool = False) -> None:
        if typed is not self._under_way:
            return
        if self._is_being_filled() and not (is_late and self._may_go_on()):
            self._app.set_timer(READY_AFTER, partial(self._over, typed, is_late=is_late))
            return
        if self._alarm is not None:
            self._alarm.stop()
        self._under_way = None
        await self._next()

    def _may_go_on(self) -> bool:
        """Whether the next key goes out to a screen that is not ready for it.

        What is typed into a form would be lost under the values that are still to come: it waits for them, unless
        somebody leads away from there; then what was typed for it before is of no use any more.
        """
        if not getattr(self._app.screen, "keeps_keys", False):
            return True
        ways_out = [place for place, one in enumerate(self._waiting) if getattr(one, "key", "") in ALWAYS]
        for _ in range(ways_out[0] if ways_out else 0):
            self._waiting.popleft()
        return bool(ways_out)

    def _is_being_filled(self) -> bool:
        """Whether the screen on top is not ready for the next key."""
        if not self._waiting:
            return False
        key = getattr(self._waiting[0], "key", "")
        takes: Callable[[str], bool] | None = getattr(self._app.screen, "takes_key", None)
        return key not in ALWAYS and takes is not None and not takes(key)
