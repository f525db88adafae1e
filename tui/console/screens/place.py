"""The screen that is a place."""

from __future__ import annotations

from core.resources.catalogue import kind_named
from tui.console.desk import Desk
from tui.console.places import Place
from tui.console.screens.base import DeskScreen
from tui.console.screens.resource import resource_screen


def screen_at(desk: Desk, place: Place, filter_text: str = "") -> DeskScreen:
    """A new screen for a place, narrowed to a filter where it has rows."""
    if place.kind:
        return resource_screen(kind_named(place.kind))(desk, filter_text)
    if place.name == "live":
        from tui.console.screens.live_fetch import LiveFetchScreen

        return LiveFetchScreen(desk, filter_text)
    from tui.console.screens.overview import OverviewScreen

    return OverviewScreen(desk)
