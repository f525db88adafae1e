"""The line above the footer: what is wrong with the selected row and what to press."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from tui.console.foreign import foreign
from tui.console.glyphs import BAD, DULL, GOOD, WARN

_SIGNS = {BAD: ("✗ ", "x "), WARN: ("! ", "! "), GOOD: ("✓ ", "+ "), DULL: ("  ", "  ")}
_COLOURS = {BAD: "$text-error", WARN: "$text-warning", GOOD: "", DULL: "$text-muted"}


class ProblemLine(Static):
    """One sentence, at most two lines."""

    def __init__(self, *, ascii_only: bool = False) -> None:
        super().__init__(markup=False)
        self._ascii_only = ascii_only
        self._said: tuple[str, str] = ("", DULL)

    def say(self, text: str, tone: str = DULL) -> None:
        """Show a sentence; a tone of `glyphs` gives its sign and colour."""
        if (text, tone) != self._said:
            self._said = (text, tone)
            sign = _SIGNS[tone][self._ascii_only]
            self.update(Content.assemble((sign, _COLOURS[tone]), foreign(text, _COLOURS[tone])))
