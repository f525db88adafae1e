"""A text of several lines, written and given back."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea

from core.errors import PostroomError
from core.text import safe_text
from tui.console.editor import chosen_editor, edited
from tui.console.foreign import foreign_lines
from tui.console.widgets.safe_input import SafeTextArea

_KEYS = "ctrl+s sends, ctrl+o opens your editor, esc leaves"
_KEYS_WITH_QUOTE = "ctrl+s sends, ctrl+o opens your editor with the message quoted, esc leaves"


@dataclass(frozen=True)
class Draft:
    """What the dialog begins with."""

    title: str
    head: Sequence[str] = ()
    """Lines to be seen while one writes: to whom, about what."""
    text: str = ""
    """What was written before."""
    quoted: str = ""
    """What the editor is given when nothing is written yet: what is answered, as one quotes it."""
    trouble: str = ""
    """Why it is shown once more."""


class Write(ModalScreen[str | None]):
    """Gives back the text, or `None`; what was written is not thrown away by one key."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "send", "Send", priority=True),
        Binding("ctrl+o", "edit", "Editor", priority=True),
        Binding("escape", "leave", "Leave", priority=True),
    ]

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self._draft = draft
        self._is_warned = False
        self._area = SafeTextArea(draft.text, tab_behavior="focus")
        self._said = Static(safe_text(draft.trouble) or self._keys, markup=False, id="keys")

    def compose(self) -> ComposeResult:
        """The title, to whom, the text, the keys."""
        with Vertical(classes="dialog write"):
            yield Static(safe_text(self._draft.title), markup=False, classes="title")
            yield Static(foreign_lines("\n".join(self._draft.head)), markup=False, classes="head")
            yield self._area
            yield self._said

    def on_mount(self) -> None:
        """Begin to write, where one left off."""
        self._area.focus()
        self._area.move_cursor(self._area.document.end)

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Whoever writes on has thought again."""
        if event.text_area.text != self._draft.text:
            self._is_warned = False
            self._said.update(self._keys)

    @property
    def _keys(self) -> str:
        return _KEYS_WITH_QUOTE if self._draft.quoted and not self._area.text else _KEYS

    def action_send(self) -> None:
        """Give the text back, if there is any."""
        if self._area.text.strip():
            self.dismiss(self._area.text)
        else:
            self._said.update("There is nothing to send yet.")

    def action_edit(self) -> None:
        """Write on in the editor of whoever sits here."""
        begun = self._area.text or self._draft.quoted
        try:
            now = edited(self.app, chosen_editor(os.environ), "answer.txt", begun.encode())
        except PostroomError as error:
            self._said.update(safe_text(str(error)))
            return
        if now is not None:
            self._area.text = now.data.decode("utf-8", errors="replace")
            now.forget()

    def action_leave(self) -> None:
        """Leave; what was written is thrown away by the second time only."""
        if self._is_warned or not self._area.text.strip():
            self.dismiss(None)
            return
        self._is_warned = True
        self._said.update("esc again throws the text away.")
