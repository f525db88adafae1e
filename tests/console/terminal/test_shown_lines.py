"""What is sent to a terminal: what it does not show already, and all of that."""

from __future__ import annotations

import inspect

import pytest
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip

from core.handles import Handles
from tests.console.conftest import Opener
from tests.console.rows import record, store
from tui.console.terminal.shown_lines import Changes, ShownLines, difference

RED, BLUE = Style(color="red"), Style(color="blue")


def line(*parts: tuple[str, Style]) -> Strip:
    return Strip([Segment(text, style) for text, style in parts])


def whole(*lines: Strip) -> LayoutUpdate:
    return LayoutUpdate([[one] for one in lines], Region(0, 0, lines[0].cell_length, len(lines)))


def parts(update: object) -> list[tuple[int, int, str]]:
    assert isinstance(update, Changes)
    return [(x, y, strip.text) for x, y, strip in update.parts]


@pytest.mark.parametrize(
    ("shown", "wanted", "part"),
    [
        (line(("abc", RED)), line(("abc", RED)), None),
        (line(("abc", RED)), line(("abc", BLUE)), (0, "abc")),
        (line(("12:00:01", RED)), line(("12:00:02", RED)), (7, "2")),
        (line(("ab", RED), ("cd", BLUE), ("ef", RED)), line(("ab", RED), ("xy", BLUE), ("ef", RED)), (2, "xy")),
        # Terminals disagree on how wide such letters are, and so on where the others stand.
        (line(("日本", RED), ("cd", BLUE)), line(("日本", RED), ("xy", BLUE)), (0, "日本xy")),
        (line(("e\u0301b", RED), ("c", BLUE)), line(("ab", RED), ("d", BLUE)), (0, "abd")),
        (line(("abc", RED)), line(("abcd", RED)), (0, "abcd")),
    ],
)
def test_of_a_line_what_differs_is_sent(shown: Strip, wanted: Strip, part: tuple[int, str] | None) -> None:
    found = difference(shown, wanted)
    assert (found and (found[0], found[1].text)) == part


def test_what_is_shown_already_is_not_sent_again_until_somebody_else_wrote_there() -> None:
    lines = ShownLines()
    assert parts(lines.changes(whole(line(("ab", RED)), line(("cd", RED))))) == [(0, 0, "ab"), (0, 1, "cd")]
    assert parts(lines.changes(whole(line(("ab", RED)), line(("ce", RED))))) == [(1, 1, "e")]
    lines.forget()
    assert parts(lines.changes(whole(line(("ab", RED)), line(("ce", RED))))) == [(0, 0, "ab"), (0, 1, "ce")]


def test_what_is_drawn_in_part_is_known_to_be_shown() -> None:
    lines = ShownLines()
    lines.changes(whole(line(("abcdef", RED)), line(("ghijkl", RED))))
    update = ChopsUpdate([{0: None, 2: line(("XY", BLUE)), 4: None}, {0: None}], [(0, 2, 4)], [[2, 4, 6], [6]])
    assert parts(lines.changes(update)) == [(2, 0, "XYef")]
    after = line(("ab", RED), ("XY", BLUE), ("ef", RED))
    assert parts(lines.changes(whole(after, line(("ghijkl", RED))))) == []


def test_the_framework_still_draws_and_sends_through_what_is_replaced_here() -> None:
    # None of it is public: where one is gone, the console would draw as slowly as before, and nothing would fail.
    assert "_display" in App.__dict__, "textual.app.App._display"
    assert "_display" in Screen._compositor_refresh.__code__.co_names, "Screen._compositor_refresh calls App._display"
    assert set(inspect.signature(ChopsUpdate).parameters) == {"chops", "spans", "chop_ends"}
    assert set(inspect.signature(LayoutUpdate).parameters) == {"strips", "region"}
    assert "render_segments" in App._display.__code__.co_names, "App._display sends render_segments()"


async def test_all_that_is_sent_together_is_what_is_drawn(open_console: Opener, handles: Handles) -> None:
    store(handles, [record(n, f"日本語 👩‍👩‍👧 record {n}") for n in range(1, 40)], "record")
    grid: dict[int, Strip] = {}
    lines = ShownLines()
    async with open_console(screen="records") as console:
        for key in ("j", "G", "question_mark", "escape", "3", "n", "tab", "pagedown", "x", "escape", "y", "9", "k"):
            await console.press(key)
            update = lines.changes(console.app.screen._compositor.render_full_update())
            assert isinstance(update, Changes)
            for x, y, strip in update.parts:
                before = grid.get(y, Strip([]))
                rest = before.crop(x + strip.cell_length, before.cell_length)
                grid[y] = Strip.join([before.crop(0, x), strip, rest])
            assert [grid[y].text for y in range(24)] == console.lines, key
