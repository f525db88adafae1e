"""What all screens that are places share: header, navigation, problem line, footer, and asking the services."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen

from core.errors import PostroomError
from tui.console.calls import Answered, Calls
from tui.console.desk import Desk
from tui.console.glyphs import BAD, DULL, GOOD
from tui.console.places import PLACES
from tui.console.standing import Standing
from tui.console.widgets.header_line import HeaderLine
from tui.console.widgets.key_line import KeyLine
from tui.console.widgets.navigation import Navigation
from tui.console.widgets.problem_line import ProblemLine

if TYPE_CHECKING:
    from tui.console.app import PostroomApp

WIDE = 110
"""Columns from which the navigation has room."""

SPACIOUS = 140
"""Columns from which the details have room too, and the table no less than at 80."""


class DeskScreen(Screen[None]):
    """A screen with the header above, the problem line and the keys below."""

    AUTO_FOCUS = ""
    """Each screen gives the focus itself; the framework's choice would be the filter box, before that."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide"), (SPACIOUS, "-spacious")]  # noqa: RUF012 - its type

    place: ClassVar[str] = ""
    """The place this screen is; empty for those opened from one."""
    topics: frozenset[str] = frozenset()
    """The kinds whose movement makes what is shown old."""

    def __init__(self, desk: Desk, title: str) -> None:
        super().__init__()
        self.desk = desk
        self.calls = Calls(self, self.complain)
        self.header = HeaderLine(title, lambda: self.calls.waited)
        self.problem = ProblemLine()
        hidden = frozenset(place.name for place in PLACES if place.kind and not desk.may("see", place.kind))
        self.navigation = Navigation(self.place, hidden)

    def compose(self) -> ComposeResult:
        """The frame."""
        yield self.header
        with Horizontal(id="frame"):
            yield self.navigation
            with Vertical(id="body"):
                yield from self.compose_body()
        yield self.problem
        yield KeyLine()

    def compose_body(self) -> ComposeResult:
        """What stands between header and problem line."""
        yield from ()

    @property
    def console(self) -> PostroomApp:
        """The application, by its own type."""
        return cast("PostroomApp", self.app)

    def on_screen_resume(self) -> None:
        """What was missed while another screen was on top."""
        self.stand(self.console.standing)
        self.refresh_data()

    def on_answered(self, message: Answered) -> None:
        """A service answered."""
        message.deliver()

    def on_navigation_chosen(self, message: Navigation.Chosen) -> None:
        """A place was clicked."""
        self.console.go_to(message.place)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys typed faster than a dialog opens must not open it twice."""
        return self.is_current

    def refresh_data(self) -> None:
        """Ask again for what is shown."""

    def catch_up(self) -> None:
        """Others wrote something that makes what is shown old."""
        self.refresh_data()

    def say(self, text: str, tone: str = DULL) -> None:
        """Put a sentence above the footer."""
        self.problem.say(text, tone)

    def tell(self, text: str, tone: str = GOOD) -> None:
        """Say in passing what was done; the line goes back to the row by itself."""
        self.problem.tell(text, tone)

    def complain(self, error: PostroomError) -> None:
        """Something could not be done: say so long enough to be read."""
        self.tell(str(error) or type(error).__name__, BAD)

    def stand(self, standing: Standing) -> None:
        """Show how things stand."""
        self.problem.warn(standing.trouble)
        self.header.stand(standing)
        self.navigation.stand(standing)
