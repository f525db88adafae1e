"""A log that follows its end, or stays where it is and counts what waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.console.log_lines import LogLine
from tui.console.wrapping import pieces

HELD = 2000
"""Lines held; older ones are in the runs."""

_SET_IN = 10
"""Cells before what does not fit on a line's first row: below the account, for the text's own place is narrow."""

_TONES = {"warning": "warn", "error": "bad", "debug": "dull"}
_ROW = tuple[Segment, ...]


class LogView(ScrollView, can_focus=True):
    """Lines of runs, wrapped to the width."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"log-view--warn", "log-view--bad", "log-view--dull", "log-view--account"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("g,home", "to_first", "First", show=False),
        Binding("G,end", "to_last", "Last", show=False),
    ]

    class Moved(Message):
        """Following, the lines waiting, or the lines held changed."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: deque[LogLine] = deque(maxlen=HELD)
        self._rows: deque[_ROW] = deque(maxlen=HELD)
        self._width = 0
        self.is_following = True
        """Whether the newest line stays in sight."""
        self.pending = 0
        """Rows that came since it is not followed."""

    @property
    def held(self) -> int:
        """Lines shown."""
        return len(self._lines)

    def replace(self, lines: Iterable[LogLine]) -> None:
        """Show these lines alone."""
        self._lines.clear()
        self._rows.clear()
        self.pending = 0
        self.append(lines)

    def on_resize(self) -> None:
        """Break the lines anew; the newest stays in sight where it is followed, however little room is left."""
        if self.size.width != self._width:
            self._width, pending = self.size.width, self.pending
            self.replace(list(self._lines))
            self.pending = pending
        elif self.is_following:
            self.scroll_end(animate=False, immediate=True, force=True)

    def append(self, lines: Iterable[LogLine]) -> None:
        """Show more lines, below."""
        new: list[_ROW] = []
        for line in lines:
            self._lines.append(line)
            new += self._wrapped(line)
        dropped = max(0, len(self._rows) + len(new) - HELD)
        self._rows.extend(new)
        self.virtual_size = Size(self.size.width, len(self._rows))
        if self.is_following:
            self.scroll_end(animate=False, immediate=True, force=True)
        else:
            self.pending += len(new)
            if dropped:
                # The lines in sight stay in sight although the oldest ones went.
                self.scroll_to(y=max(0, self.scroll_offset.y - dropped), animate=False, force=True)
        self.refresh()
        self.post_message(self.Moved())

    def follow(self, is_following: bool) -> None:
        """Keep the newest line in sight, or stay."""
        self.is_following = is_following
        if is_following:
            self.pending = 0
            self.scroll_end(animate=False, immediate=True, force=True)
        self.post_message(self.Moved())

    def action_move(self, rows: int) -> None:
        """Up or down; up stops following, the end begins it again."""
        self.scroll_by(rows)

    def action_to_first(self) -> None:
        """To the oldest line."""
        self.follow(False)
        self.scroll_to(y=0, animate=False, force=True)

    def action_to_last(self) -> None:
        """To the newest line, and stay with it."""
        self.follow(True)

    def scroll_by(self, rows: int) -> None:
        """Up or down by rows."""
        target = self.scroll_offset.y + rows
        if rows < 0 and self.is_following:
            self.follow(False)
        self.scroll_to(y=max(0, min(target, self.max_scroll_y)), animate=False, force=True)
        if target >= self.max_scroll_y and rows > 0 and not self.is_following:
            self.follow(True)

    def page(self, pages: int) -> None:
        """Up or down by pages."""
        self.scroll_by(pages * max(1, self.size.height - 1))

    def on_mouse_scroll_up(self) -> None:
        """Somebody reads: stay."""
        self.follow(False)

    def render_line(self, y: int) -> Strip:
        """One row."""
        row = y + self.scroll_offset.y
        width = self.size.width
        if row >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        return Strip(self._rows[row]).adjust_cell_length(width, self.rich_style)

    def _wrapped(self, line: LogLine) -> list[_ROW]:
        width = self.size.width or 80
        base = self.rich_style
        tone = _TONES.get(line.level)
        style = base + self.get_component_rich_style(f"log-view--{tone}", partial=True) if tone else base
        dull = base + self.get_component_rich_style("log-view--dull", partial=True)
        who = base + self.get_component_rich_style("log-view--account", partial=True)
        is_wide = width >= 90
        at = line.at.astimezone()
        time = f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}" if is_wide else f"{at:%H:%M:%S}"
        account_width = 18 if is_wide else 12
        head = [
            Segment(f" {time} ", dull),
            Segment(_cut(line.account, account_width) + " ", who),
            Segment(_cut(line.step, 10) + " ", style),
        ]
        indent = sum(cell_len(segment.text) for segment in head)
        word = f"{line.level.upper()} " if line.level in {"warning", "error"} else ""
        ms = f"  {line.ms:.0f} ms" if line.ms is not None and line.ms >= 1 else ""
        broken = pieces(f"{word}{line.text}{ms}", width - _SET_IN - 1, max(10, width - indent - 1))
        rows: list[_ROW] = [(*head, Segment(broken[0], style))]
        rows += [(Segment(" " * _SET_IN, base), Segment(piece, style)) for piece in broken[1:]]
        return rows


def _cut(text: str, width: int) -> str:
    return set_cell_size(text, width) if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"
