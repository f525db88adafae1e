"""What the terminal shows, line by line: over a slow line only what differs from it is worth sending.

The framework draws the whole screen anew whenever anything moves its widgets, a line of help that grows by one for
example, and each cell with colours of its own: some 10 kB at 80x24, a few times a key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip

Part = tuple[int, Strip]
"""Where it begins in its line, and what stands there."""


class Changes(CompositorUpdate):
    """Parts of lines."""

    def __init__(self, parts: Sequence[tuple[int, int, Strip]]) -> None:
        self.parts = parts
        """Column, line and what stands there."""

    def render_segments(self, console: Console) -> str:
        """What is written to the terminal."""
        return "".join(f"\x1b[{y + 1};{x + 1}H{strip.render(console)}" for x, y, strip in self.parts)


class ShownLines:
    """The lines of a terminal."""

    def __init__(self) -> None:
        self._lines: list[Strip] = []

    def forget(self) -> None:
        """Somebody else wrote there: nobody knows what it shows."""
        self._lines = []

    def changes(self, update: CompositorUpdate) -> CompositorUpdate:
        """What of an update is to be sent; from now on it is shown."""
        if isinstance(update, LayoutUpdate) and not update.region.offset:
            return self._shown(enumerate(_plain(line) for line in update.strips), len(update.strips))
        if isinstance(update, ChopsUpdate) and len(self._lines) == len(update.chops):
            return self._shown(self._patched(update), len(self._lines))
        self.forget()
        return update

    def _shown(self, lines: Iterable[tuple[int, Strip]], height: int) -> Changes:
        if len(self._lines) != height:
            self._lines = [Strip([])] * height
        parts = []
        for y, line in lines:
            part = difference(self._lines[y], line)
            self._lines[y] = line
            if part is not None:
                parts.append((part[0], y, part[1]))
        return Changes(parts)

    def _patched(self, update: ChopsUpdate) -> Iterator[tuple[int, Strip]]:
        """The lines that have parts drawn anew, whole."""
        for y, x1, x2 in update.spans:
            line = self._lines[y]
            for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
                if strip is None or x > x2 or end <= x1:
                    continue
                new = strip.crop(0, min(end, x2) - x)
                line = Strip.join([line.crop(0, x), new, line.crop(x + new.cell_length, line.cell_length)])
            yield y, _plain([line])


def difference(shown: Strip, wanted: Strip) -> Part | None:
    """The part of a line that is to be drawn anew; none when it shows that already.

    A line that holds letters of another width than one cell is drawn whole: terminals disagree on how wide they are.
    """
    if shown == wanted:
        return None
    before, after = list(shown), list(wanted)
    if shown.cell_length != wanted.cell_length or not (_is_even(before) and _is_even(after)):
        return 0, wanted
    while before and after and before[-1] == after[-1]:
        before.pop()
        after.pop()
    same = 0
    while same < min(len(before), len(after)) and before[same] == after[same]:
        same += 1
    x = sum(len(segment.text) for segment in after[:same])
    return _begun(x, before[same:], after[same:])


def _begun(x: int, before: Sequence[Segment], after: Sequence[Segment]) -> Part:
    """Without the letters that the first segment begins with already."""
    first, *rest = after
    if before and before[0].style == first.style:
        pairs = zip(before[0].text, first.text, strict=False)
        letters = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        return x + letters, Strip([Segment(first.text[letters:], first.style), *rest])
    return x, Strip(after)


def _plain(line: Iterable[Strip | None]) -> Strip:
    """The parts of a line as one, in as few segments as there are styles; what only a mouse asks for is left out."""
    whole = Strip.join([strip for strip in line if strip is not None]).discard_meta()
    return Strip([segment for segment in whole if segment.text], whole.cell_length).simplify()


def _is_even(segments: Iterable[Segment]) -> bool:
    """Whether each letter takes one cell."""
    return all(segment.text.isascii() or cell_len(segment.text) == len(segment.text) for segment in segments)
