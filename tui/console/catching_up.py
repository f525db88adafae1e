"""Showing what others change of the one thing that is open: looked for when something moved, as often as is cheap."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from core.errors import NotFound, PostroomError
from tui.console.screens.base import DeskScreen

PACE = 0.5
"""Seconds before it is looked, and between two looks: while mail flows something always moves."""

SHARE = 10
"""A look takes at most one part in so many of the time: a run may have thousands of lines."""

Whole = Mapping[str, Any]


class CatchingUp:
    """Compares what is kept with what was kept at the last look."""

    def __init__(
        self,
        screen: DeskScreen,
        look: Callable[[], Whole],
        changed: Callable[[], None],
        gone: Callable[[], None],
    ) -> None:
        """`look` reads all of it, in a thread; `changed` and `gone` are told on the screen's own."""
        self._screen = screen
        self._look, self._changed, self._gone = look, changed, gone
        self._is_under_way = False
        self._pace = PACE
        self._seen: Whole | None = None

    def begin(self) -> None:
        """Something moved that may be of this."""
        if not self._is_under_way:
            self._is_under_way = True
            self._screen.set_timer(self._pace, self._ask)

    def _ask(self) -> None:
        look = self._look

        def work() -> tuple[Whole, float]:
            began = time.monotonic()
            return look(), time.monotonic() - began

        self._screen.calls.ask(work, self._compare, otherwise=self._failed)

    def _compare(self, answer: tuple[Whole, float]) -> None:
        whole, took = answer
        self._is_under_way = False
        self._pace = max(PACE, took * SHARE)
        if whole != self._seen:
            self._seen = whole
            self._changed()

    def _failed(self, error: PostroomError) -> None:
        self._is_under_way = False
        if isinstance(error, NotFound):  # that the database is away, the header says
            self._gone()
