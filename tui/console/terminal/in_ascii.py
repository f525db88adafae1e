"""What is drawn, in ASCII alone, for terminals and fonts that have nothing else: cell by cell, that nothing moves."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_SIGNS = {
    "✓": "+", "✗": "x", "▸": ">", "●": "*", "○": "o", "·": ".", "•": "*", "░": ".", "█": "#",
    "▁": "_", "▂": ".", "▃": "-", "▄": ":", "▅": "=", "▆": "+", "▇": "*",
    "─": "-", "│": "|", "…": "~", "–": "-", "—": "-", "→": ">", "←": "<", "×": "x",
    "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "‚": "'", "«": "<", "»": ">", "\N{NO-BREAK SPACE}": " ",
}  # fmt: skip
"""Signs of ours, and those that are frequent in mail."""

_BOXES, _BLOCKS = range(0x2500, 0x2580), range(0x2580, 0x25A0)


class InAscii(LineFilter):
    """Goes over each line as it is drawn: no widget needs to know."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments in ASCII."""
        return [Segment(in_ascii(text), style, control) for text, style, control in segments]


@lru_cache(4096)
def in_ascii(text: str) -> str:
    """A text that takes as many cells: signs by their likes, letters without their accents, `?` for all others."""
    if text.isascii():
        return text
    return "".join(map(_likeness, text)).ljust(cell_len(text))


def _likeness(letter: str) -> str:
    if letter.isascii():
        return letter
    if letter in _SIGNS:
        return _SIGNS[letter]
    if ord(letter) in _BOXES:
        return "+"
    if ord(letter) in _BLOCKS:
        return "#"
    base = unicodedata.normalize("NFD", letter)[0]
    return base if base.isascii() and cell_len(letter) == 1 else "?" * cell_len(letter)
