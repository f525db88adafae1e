"""An application on a terminal that may be slow, poor, far away, or gone: what the framework leaves to us."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from rich.console import RenderableType
from textual import events
from textual._compositor import CompositorUpdate
from textual.app import App
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.screen import Screen

from core.errors import CannotWrite
from core.text import safe_text
from tui.console.terminal.guard import EXIT_CODE
from tui.console.terminal.in_ascii import InAscii
from tui.console.terminal.keyboard import Keyboard
from tui.console.terminal.shown_lines import ShownLines
from tui.console.terminal.stdout_driver import StdoutDriver
from tui.private_file import write_private


class TerminalApp(App[int]):
    """Keys one after another, only changed lines sent, signals heeded, last words without secrets."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+z", "suspend_process", "Suspend", tooltip="To the shell; fg comes back", show=False),
        Binding("ctrl+l", "redraw", "Redraw", tooltip="Draw the whole screen anew", show=False),
    ]

    _running_loop: asyncio.AbstractEventLoop | None = None

    def __init__(self, *, faults: Path, ascii_only: bool = False) -> None:
        """`faults` is the file for the place of a fault of ours."""
        super().__init__(driver_class=StdoutDriver)
        self.animation_level = "none"  # a form that glides to its next field is drawn a dozen times over a slow line
        self.keyboard = Keyboard(self, super().on_event)
        self._faults = faults
        self._shown_lines = ShownLines()
        self._ascii = (InAscii(),) if ascii_only else ()
        self.set_class(ascii_only, "-ascii")

    async def on_event(self, event: events.Event) -> None:
        """What is typed goes through the keyboard, everything else on as it comes."""
        if isinstance(event, events.Resize):
            self._shown_lines.forget()  # terminals break their lines anew by themselves
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            await self.keyboard.take(event)
        else:
            await super().on_event(event)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        # The framework has no public place between what is drawn and what is sent.
        if isinstance(renderable, CompositorUpdate) and self._is_sending:
            renderable = self._shown_lines.changes(renderable)
        super()._display(screen, renderable)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What goes over each line once it is drawn."""
        return [*super().get_line_filters(), *self._ascii]

    @property
    def _is_sending(self) -> bool:
        return self._running and not (self._closed or self.is_headless or self._batch_count or self._driver is None)

    def hang_up(self) -> None:
        """The terminal is gone: end as on SIGHUP; may be called from another thread, and does not wait."""
        if self._running_loop is not None:
            with suppress(RuntimeError):  # it has ended already
                self._running_loop.call_soon_threadsafe(self.exit, EXIT_CODE, EXIT_CODE)

    def heed_terminal(self) -> None:
        """Heed the signals without which the process would end with the terminal left raw, and draw anew after fg."""
        self.app_resume_signal.subscribe(self, lambda _: self._shown_lines.forget())
        loop = self._running_loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            try:
                loop.add_signal_handler(number, self.exit, 128 + number, 128 + number)
            except (RuntimeError, ValueError):
                return  # not the main thread: another one heeds signals

    def _fatal_error(self) -> None:
        """Textual would print the values of all local variables, secrets among them; a log without them does."""
        import traceback

        try:
            write_private(self._faults, traceback.format_exc().encode())
            told = f"Its place in the program is in {self._faults}."
        except CannotWrite:
            told = f"It cannot be written to {self._faults}."
        self._return_code = 70
        self._exit_renderables.append(safe_text(f"A fault of ours ended the console. {told}"))
        self._close_messages_no_wait()

    def action_redraw(self) -> None:
        """Draw the whole screen anew: something else wrote on it."""
        self._shown_lines.forget()
        self.refresh(layout=True)
