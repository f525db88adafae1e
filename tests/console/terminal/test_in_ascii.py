"""The console where a terminal has nothing but ASCII."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from core.handles import Handles
from tests.console.conftest import Opener
from tests.console.rows import message, record, store
from tui.console.terminal.in_ascii import in_ascii


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("✓ sent – in 4 s … → Raw", "+ sent - in 4 s ~ > Raw"),
        ("Élodie aus Zürich", "Elodie aus Zurich"),
        ("日本 ½", "???? ?"),
        ("e\N{COMBINING ACUTE ACCENT}t", "et"),
        ("╭──╮│▊", "+--+|#"),
    ],
)
def test_each_letter_has_its_like_in_as_many_cells(text: str, shown: str) -> None:
    assert (in_ascii(text), cell_len(shown)) == (shown, cell_len(text))


async def test_no_screen_shows_anything_else(handles: Handles, open_console: Opener) -> None:
    store(handles, [record(1, "件名 – Zürich"), *message(1, "件名 – Zürich", "Grüße …")], "record", "message")
    async with open_console(screen="records", ascii_only=True) as console:
        for keys in (("enter",), ("escape", "colon"), ("escape", "1"), ("3", "n"), ("escape", "ctrl+p")):
            await console.press(*keys)
            assert console.text.isascii()
