"""The application: its places, the keys that work everywhere, and the way to the services."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.notifications import SeverityLevel
from textual.reactive import reactive
from textual.screen import Screen

from core.errors import PostroomError, SchemaMismatch
from core.resources.kind import Kind
from core.services.looking.attention import notice_unattended
from core.text import safe_text
from tui.console import key_names
from tui.console.calls import Answered, Calls
from tui.console.desk import Desk
from tui.console.dialogs.choose import Choice, Choose
from tui.console.dialogs.help import Help
from tui.console.fault_log import FILE
from tui.console.glyphs import BAD, GOOD
from tui.console.orders import Orders
from tui.console.places import PLACES, Place, place_named
from tui.console.preferences import Preferences
from tui.console.screens.base import DeskScreen
from tui.console.screens.form import FormScreen
from tui.console.screens.place import screen_at
from tui.console.screens.resource import ResourceScreen
from tui.console.standing import Standing
from tui.console.terminal.app import TerminalApp
from tui.console.watching import Moved, Watching
from tui.console.whole_program import WholeProgram

if TYPE_CHECKING:
    from core.handles import Handles
    from core.services.actor import Actor

COUNT_EVERY = 5.0
"""Seconds after which workers are counted anew though nothing moved: heartbeats are no topic."""

LOOK_AROUND_EVERY = 60.0
"""Seconds after which it is looked again whether anybody does the work."""

AGAIN_WITHIN = 5.0
"""Seconds in which a second Ctrl+C leaves."""

FRAMEWORKS = frozenset({"Theme", "Quit", "Screenshot"})
"""The framework's own commands that the palette keeps."""


class PostroomApp(TerminalApp):
    """The console."""

    TITLE = "Postroom"
    ENABLE_COMMAND_PALETTE = True
    VERTICAL_BREAKPOINTS = [(0, "-low"), (24, "-high")]  # noqa: RUF012 - typed by the framework
    CSS_PATH: ClassVar[list[str]] = [  # type: ignore[assignment]
        "styles/theme.tcss",
        "styles/frame.tcss",
        "styles/forms.tcss",
        "styles/dialogs.tcss",
        "styles/special.tcss",
    ]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("colon", "go_to", "go to", tooltip="Go to a screen: type a part of its name", id="app.go_to"),
        Binding("question_mark", "help", "help", tooltip="What every key does here", id="app.help"),
        Binding("q", "leave", "Quit", tooltip="Leave the console; what runs goes on", show=False, id="app.quit"),
        Binding("ctrl+q", "quit", "Quit", tooltip="Leave the console; what runs goes on", show=False, priority=True),
        # Without a description: the palette has the screens by their names.
        *(
            Binding(
                str(number), f"go_to_number({number})", tooltip="To one of the first screens; : tells which", show=False
            )
            for number in range(1, 10)
        ),
    ]

    standing: reactive[Standing] = reactive(Standing())
    """How things stand; the screens in sight show it, the others once they are."""

    def __init__(
        self,
        handles: Handles,
        actor: Actor,
        *,
        screen: str | None = None,
        filter_text: str = "",
        read_only: bool = False,
        theme: str | None = None,
        ascii_only: bool = False,
        offer_demo: Callable[[], object] | None = None,
        preferences: Preferences | None = None,
    ) -> None:
        super().__init__(faults=handles.environment.home / FILE, ascii_only=ascii_only)
        self.desk = Desk(handles, actor, read_only=read_only)
        self.calls = Calls(self, self.complain)
        self.orders = Orders(self, self.desk, self.calls, self.tell)
        self.preferences = preferences or Preferences.of_user()
        self._first = place_named(screen or "accounts")
        self._first_filter = filter_text
        self._screens: dict[str, DeskScreen] = {}
        self._watching = Watching(handles, self.post_message)
        self._whole_program = WholeProgram()
        self._offer_demo = offer_demo
        if (wanted := theme or self.preferences.theme) in self.available_themes:
            self.theme = wanted
        self._theme_at_start = self.theme
        self._interrupted_at = -AGAIN_WITHIN

    # -- life -------------------------------------------------------------------------------------------------------

    async def on_mount(self) -> None:
        """Show the first screen, then begin to watch."""
        self.heed_terminal()
        await self.push_screen(self._screen_of(self._first, self._first_filter))
        self.call_after_refresh(self._begin)

    def on_unmount(self) -> None:
        """Stop watching; remember the theme."""
        self._watching.stop()
        self._whole_program.stop()
        if self.theme != self._theme_at_start:
            self.preferences.remember_theme(self.theme)

    def _begin(self) -> None:
        self._watching.start()
        self._whole_program.start()
        self._count()
        self.set_interval(COUNT_EVERY, self._count)
        if not self.desk.read_only:
            self._look_around()
            self.set_interval(LOOK_AROUND_EVERY, self._look_around)
        if self._offer_demo is not None:
            self.orders.offer_demo(self._offer_demo)

    # -- what moves -------------------------------------------------------------------------------------------------

    def on_moved(self, message: Moved) -> None:
        """Other processes wrote: show it where it is shown."""
        self._count()
        shown = self.screen_stack[-1] if self.screen_stack else None
        if isinstance(shown, DeskScreen) and shown.topics & message.topics:
            shown.catch_up()

    def on_answered(self, message: Answered) -> None:
        """A service answered."""
        message.deliver()

    def watch_standing(self, standing: Standing) -> None:
        """Show it; no screen watches by itself, for the framework would keep those that were closed since."""
        for screen in self.screen_stack:
            if isinstance(screen, DeskScreen):
                screen.stand(standing)

    def _count(self) -> None:
        self.calls.ask(self.desk.standing, self._stand, lane="standing", otherwise=self._cannot_count)

    def _look_around(self) -> None:
        handles = self.desk.handles
        self.calls.ask(lambda: notice_unattended(handles), lambda _: None, lane="attention", otherwise=lambda _: None)

    def _stand(self, standing: Standing) -> None:
        before, self.standing = self.standing.trouble, standing
        # What can only be read for now is in trouble, and moves nothing.
        if before not in {"", standing.trouble} and isinstance(self.screen, DeskScreen):
            self.screen.refresh_data()

    def _cannot_count(self, error: PostroomError) -> None:
        in_short = "old program" if isinstance(error, SchemaMismatch) else "no database"
        self.standing = replace(self.standing, trouble=str(error), trouble_in_short=in_short)

    # -- places -----------------------------------------------------------------------------------------------------

    def go_to(self, name: str, filter_text: str | None = None) -> None:
        """Show a place; what is open on top of the present one is left first."""
        place = place_named(name)

        def go() -> None:
            while len(self.screen_stack) > 2:
                self.pop_screen()
            screen = self._screen_of(place, filter_text or "")
            if filter_text is not None and isinstance(screen, ResourceScreen):
                screen.filter_box.text = filter_text
            if screen is not self.screen:
                self.switch_screen(screen)
                if isinstance(screen, ResourceScreen) and screen.is_mounted:
                    screen.arrive()

        self._leave_then(go)

    def show_saved(self, kind: Kind, name: str) -> None:
        """Select what was just saved, once it is listed."""
        screen = self._screens.get(kind.plural)
        if isinstance(screen, ResourceScreen):
            screen.select_named(name)

    def _screen_of(self, place: Place, filter_text: str = "") -> DeskScreen:
        if place.name not in self._screens:
            made = screen_at(self.desk, place, filter_text)
            # Installed screens keep their state while another one is shown.
            self.install_screen(made, place.name)
            self._screens[place.name] = made
        return self._screens[place.name]

    def action_go_to(self) -> None:
        """Ask where to."""
        numbers = {place.name: str(number) for number, place in enumerate(PLACES[:9], start=1)}
        choices = [
            Choice(one.name, one.title, f"{numbers.get(one.name, ' ')} {one.description}", also=one.kind)
            for one in self._places()
        ]

        def chosen(name: str | None) -> None:
            if name is not None:
                self.go_to(name)

        self.push_screen(Choose("Go to", choices), chosen)

    def action_go_to_number(self, number: int) -> None:
        """One of the first screens."""
        place = PLACES[number - 1]
        if place in self._places():
            self.go_to(place.name)

    def _places(self) -> list[Place]:
        return [one for one in PLACES if not one.kind or self.desk.may("see", one.kind)]

    # -- everywhere -------------------------------------------------------------------------------------------------

    def action_help(self) -> None:
        """The keys of this screen."""
        shown_screen = self.screen
        title = shown_screen.header.place if isinstance(shown_screen, DeskScreen) else "Keys"
        kind = shown_screen.kind if isinstance(shown_screen, ResourceScreen) else None
        columns = [*kind.filter_columns, *kind.time_columns] if kind is not None else []
        self.push_screen(Help(str(title), key_names.explained(shown_screen), columns))

    def action_leave(self) -> None:
        """Leave the console."""
        self._leave_then(lambda: self.exit(0))

    async def action_quit(self) -> None:
        """Leave the console."""
        self.action_leave()

    def action_help_quit(self) -> None:
        """Ctrl+C, by habit: say how one leaves, and leave when it is pressed again."""
        if time.monotonic() - self._interrupted_at < AGAIN_WITHIN:
            self.action_leave()
        else:
            self._interrupted_at = time.monotonic()
            self.tell("q leaves the console, ctrl+c again too. What runs goes on.")

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette: what can be done here, places, and of what the framework offers that which is of use."""
        yield from key_names.commands(screen)
        for place in self._places():
            yield SystemCommand(place.title, place.description, lambda name=place.name: self.go_to(name))
        yield from (command for command in super().get_system_commands(screen) if command.title in FRAMEWORKS)

    def tell(self, text: str, tone: str = GOOD) -> None:
        """Say something wherever one is: above the footer, or in a corner while a dialog is open."""
        shown = self.screen
        if isinstance(shown, DeskScreen):
            shown.tell(text, tone)
        else:
            severity: SeverityLevel = "error" if tone == BAD else "information"
            self.notify(safe_text(text, multiline=True), severity=severity, markup=False)

    def complain(self, error: PostroomError) -> None:
        """Something could not be done."""
        self.tell(str(error), BAD)

    def _leave_then(self, go: Callable[[], Any]) -> None:
        shown = self.screen
        if isinstance(shown, FormScreen):
            shown.leave_then(go)
        else:
            go()
