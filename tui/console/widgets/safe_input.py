"""Inputs that draw what stands in them as safely as anything else; what stands there stays as it is."""

from __future__ import annotations

from rich.text import Text
from textual import events
from textual.widgets import Input, TextArea

from core.text import REPLACEMENT, safe_text


class SafeInput(Input):
    """One line."""

    between_lines = " "
    """What stands between the lines of what is pasted."""

    def on_paste(self, event: events.Paste) -> None:
        """Several lines become one; the framework would drop all but the first, which may be empty."""
        lines = event.text.splitlines()
        # Blanks may belong to a password; line ends come along when one copies.
        pasted = self.between_lines.join(line for line in lines if line.strip())
        if self.max_length:  # of what is too long the framework would take nothing
            kept = len(self.value) - len(self.selected_text)
            pasted = pasted[: max(0, self.max_length - kept)]
        self.replace(pasted, *self.selection)
        event.stop()
        event.prevent_default()

    @property
    def _value(self) -> Text:
        # The framework draws the value as it is, escape sequences and all, and has no public place to change that.
        if self.password:
            return super()._value
        return Text(same_length(self.value), no_wrap=True, overflow="ignore", end="")


class SafeTextArea(TextArea):
    """Several lines."""

    def get_line(self, line_index: int) -> Text:
        """A line as it is drawn."""
        return Text(same_length(self.document.get_line(line_index)), no_wrap=True, end="")


def same_length(text: str) -> str:
    """Text made safe character by character, so that the cursor stands where it belongs."""
    shown = safe_text(text)
    return shown if len(shown) == len(text) else "".join(safe_text(one) or REPLACEMENT for one in text)
