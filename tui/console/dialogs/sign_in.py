"""Signing in: the code for another screen with its picture, or the address for a browser; how long there is."""

from __future__ import annotations

import queue
import threading
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from core import clock
from core.errors import PostroomError
from core.oauth.waiting import Prompt, SignedIn
from core.text import safe_text
from tui import qr_code
from tui.console.fault_log import fault
from tui.console.foreign import foreign, foreign_lines
from tui.console.signing_in import Address, Begun, Step, Wrong
from tui.console.widgets.safe_input import SafeInput

if TYPE_CHECKING:
    from tui.console.app import PostroomApp

_BESIDE = 34
"""Cells that the words beside the picture need."""
_ABOVE = 6
"""Lines that are no picture."""


class SignInDialog(ModalScreen[SignedIn | None]):
    """Shows what the person is to do, and how it ended; gives back who signed in."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close"),
        Binding("y,ctrl+y", "copy", "Copy"),
        Binding("r", "again", "Again"),
    ]

    class Told(Message, bubble=False):
        """A step came, or the end did."""

        def __init__(self, number: int, step: Step | None, error: str = "") -> None:
            super().__init__()
            self.number, self.step, self.error = number, step, error

    def __init__(self, title: str, begun: Begun) -> None:
        super().__init__()
        self._title, self._begun = title, begun
        self._number = 0
        self._stop = threading.Event()
        self._pasted: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._expires_at: datetime | None = None
        self._copied = self._wrong = ""
        self.done: SignedIn | None = None
        """Who signed in, once somebody has."""
        self._words = Static("", markup=False, classes="words")
        self._picture = Static("", markup=False, classes="picture")
        self._paste = SafeInput(placeholder="… or paste here the address it ends at", compact=True)
        self._paste.between_lines = ""  # terminals break long addresses
        self._end = Static("", markup=False, classes="end")

    def compose(self) -> ComposeResult:
        """Words beside the picture; a box to paste into; how it stands."""
        with Vertical(classes="dialog sign-in"):
            yield Static(Content.styled(safe_text(self._title), "bold"), markup=False)
            with Horizontal():
                yield self._words
                yield self._picture
            yield self._paste
            yield self._end

    def on_mount(self) -> None:
        """Begin."""
        self.set_interval(1.0, self._count_down)
        self.action_again()

    def on_unmount(self) -> None:
        """However it is left, nothing goes on behind."""
        self._stop.set()

    def action_again(self) -> None:
        """Begin, or begin anew once it has failed."""
        if self._expires_at is not None or self.done is not None:
            return
        self._number += 1
        self._stop, self._pasted = threading.Event(), queue.SimpleQueue()
        self._paste.display = self._picture.display = False
        self._wrong = ""
        self._words.update("Asking the provider …")
        self._end.update("esc gives up")
        # A daemon thread: closing the dialog waits for no provider.
        arguments = (self._number, self._stop, self._pasted)
        threading.Thread(target=self._run, args=arguments, name="console-sign-in", daemon=True).start()

    def action_leave(self) -> None:
        """Close; a sign-in that is not done is given up."""
        self._stop.set()
        self.dismiss(self.done)

    def action_copy(self) -> None:
        """Copy the address, or the code that is to be typed."""
        if self._copied:
            cast("PostroomApp", self.app).orders.copy(self._copied)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """An address was pasted."""
        event.stop()
        if event.value.strip():
            self._pasted.put(event.value.strip())
            self._paste.value = ""

    def on_sign_in_dialog_told(self, message: SignInDialog.Told) -> None:
        """Show it."""
        if message.number != self._number:
            return
        match message.step:
            case Prompt() as prompt:
                self._show_code(prompt)
            case Address() as address:
                self._show_address(address)
            case Wrong(text):
                self._wrong = text
                self._count_down()
            case SignedIn() as done:
                self._show_done(done)
            case None if self.done is None:
                self._show_failure(message.error)

    def _run(self, number: int, stop: threading.Event, pasted: queue.SimpleQueue[str]) -> None:
        error = "Nobody signed in."
        try:
            for step in self._begun(stop, pasted):
                self.post_message(self.Told(number, step))
        except PostroomError as refusal:
            error = str(refusal)
        except Exception as broken:  # noqa: BLE001 - whoever waits here is told, whatever broke
            error = str(fault(self._title, broken))
        self.post_message(self.Told(number, None, error))

    # -- what is shown ----------------------------------------------------------------------------------------------

    def _show_code(self, prompt: Prompt) -> None:
        self._expires_at, self._copied = prompt.expires_at, prompt.code
        self._words.update(
            Content.assemble(
                "On any other screen open\n\n",
                foreign(prompt.address, "bold"),
                "\n\nand enter the code\n\n",
                foreign(prompt.code, "bold $text-primary"),
                "\n\nThe owner of the mailbox signs in. y copies the code.",
            )
        )
        self._draw(prompt.link)
        self._count_down()

    def _show_address(self, address: Address) -> None:
        self._expires_at, self._copied = address.expires_at, address.url
        self._words.update(
            Content.assemble(
                "Open this in a browser (ctrl+y copies it), and sign in as the owner of the mailbox:\n\n",
                foreign(address.url, "bold"),
                "\n\nOn this machine the browser comes back by itself. From another one it ends at an address of "
                "http://localhost that it cannot show: copy that address.",
            )
        )
        self._paste.display = True
        self._paste.focus()
        self._count_down()

    def _draw(self, link: str) -> None:
        lines = qr_code.in_half_blocks(link)
        has_room = len(lines) + _ABOVE <= self.size.height and len(lines[0]) + _BESIDE <= min(78, self.size.width)
        # In ASCII it would be twice as wide and as high.
        self._picture.display = has_room and not self.app.has_class("-ascii")
        # Black on white whatever the theme: what cameras like best.
        self._picture.update(Content("\n").join(Content.styled(line, "#000000 on #ffffff") for line in lines))

    def _show_done(self, done: SignedIn) -> None:
        self.done, self._expires_at = done, None
        whom = f" as {safe_text(done.as_whom)}" if done.as_whom else ""
        self._close_up(f"Signed in{whom} for {done.kind} {safe_text(done.name)}.")
        self._end.update(Content.styled("✓ All well.   esc closes", "$text-success"))

    def _show_failure(self, error: str) -> None:
        self._expires_at = None
        self._close_up(error)
        self._end.update(self._bad("Nobody is signed in.   esc closes, r again"))

    def _close_up(self, text: str) -> None:
        self._picture.display = self._paste.display = False
        self._words.update(foreign_lines(text))
        self.set_focus(None)

    def _bad(self, text: str) -> Content:
        return foreign(f"✗ {text}", "$text-error")

    def _count_down(self) -> None:
        if self._expires_at is not None:
            left = max(0, int((self._expires_at - clock.utcnow()).total_seconds()))
            waiting = f"waiting, {left // 60}:{left % 60:02} left   esc gives up"
            self._end.update(Content.assemble(self._bad(self._wrong), "\n", waiting) if self._wrong else waiting)
