"""What is pasted goes where the keys go, all of it."""

from __future__ import annotations

import pytest
from textual import events

from tests.console.conftest import Console, Opener
from tui.console.widgets.filter_box import LONGEST


async def _paste(console: Console, text: str) -> None:
    console.app.post_message(events.Paste(text))
    await console.settled()


@pytest.mark.parametrize(
    ("field", "pasted", "stands"),
    [
        ("name", "\r\nservice\rdesk\n", "service desk"),
        ("folders", "INBOX\nArchive\n\nSent Items\n", "INBOX, Archive, Sent Items"),
        ("password", "\n two halves\nof a token \n", " two halvesof a token "),
        ("name", "\n", ""),
    ],
)
async def test_pasted_lines_become_one_in_a_field_of_one_line(
    open_console: Opener, field: str, pasted: str, stands: str
) -> None:
    async with open_console() as console:
        await console.press("n")
        line = console.app.screen.fields[field]
        line.typed = ""
        line.widget.focus()
        await _paste(console, pasted)
        assert line.typed == stands


async def test_pasted_lines_are_words_of_a_filter(open_console: Opener) -> None:
    async with open_console() as console:
        await console.press("slash")
        await _paste(console, "queue:support\n-junk\n")
        assert console.app.screen.filter_box.text == "queue:support -junk"


async def test_a_whole_mail_pasted_by_mistake_is_no_filter_of_a_thousand_words(open_console: Opener) -> None:
    async with open_console() as console:
        await console.press("slash")
        await console.type("a ")
        await _paste(console, "word\n" * 1000)
        text = console.app.screen.filter_box.text
        assert text == ("a " + "word " * 1000)[:LONGEST]
