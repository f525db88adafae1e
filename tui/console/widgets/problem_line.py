"""The line above the footer: what is wrong with the selected row and what to press."""

from __future__ import annotations

from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from core.text import safe_text
from tui.console.glyphs import BAD, DULL, GOOD, WARN
from tui.console.wrapping import pieces

_SIGNS = {BAD: "✗ ", WARN: "! ", GOOD: "✓ ", DULL: "  "}
_COLOURS = {BAD: "$text-error", WARN: "$text-warning", GOOD: "", DULL: "$foreground-muted"}

SHORTEST = 3.0
A_LETTER = 0.05
"""Seconds that a sentence needs to be read."""


class ProblemLine(Static):
    """One sentence, usually of two lines; what was just done stands before it for a while."""

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._said: tuple[str, str] = ("", DULL)
        self._warned = ""
        self._told: tuple[str, str] | None = None
        self._shown: tuple[str, str, int] | None = None
        self._timer: Timer | None = None

    def say(self, text: str, tone: str = DULL) -> None:
        """Show a sentence; a tone of `glyphs` gives its sign and colour."""
        self._said = (text, tone)
        self._draw()

    def tell(self, text: str, tone: str = GOOD) -> None:
        """Show what was just done, or not done, long enough to be read; then what was said before."""
        self._told = (text, tone)
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(SHORTEST + len(text) * A_LETTER, self.forget)
        self._draw()

    def warn(self, text: str) -> None:
        """Show what is wrong with everything in place of what is said of one thing; nothing is when it is empty."""
        self._warned = text
        self._draw()

    def forget(self) -> None:
        """What was told has been read."""
        self._told = None
        self._draw()

    def _draw(self) -> None:
        text, tone = self._told or ((self._warned, BAD) if self._warned else self._said)
        if (text, tone, self.size.width) != self._shown:
            self._shown = (text, tone, self.size.width)
            sign = _SIGNS[tone]
            room = max(20, (self.size.width or 80) - len(sign))
            lines = [piece for line in safe_text(text, multiline=True).splitlines() for piece in pieces(line, room)]
            self.update(Content.styled(sign + f"\n{' ' * len(sign)}".join(lines), _COLOURS[tone]))

    def on_resize(self) -> None:
        """Break the sentence anew."""
        self._draw()
