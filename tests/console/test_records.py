"""Records and messages, opened."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from core.errors import StoreBusy
from core.handles import Handles
from core.services import reply
from core.services.actor import Actor
from core.services.configuration.queues import queues
from tests.console.conftest import Opener
from tests.console.rows import message, record, store
from tui.console.dialogs import write
from tui.console.editor import Edited


async def test_a_record_is_filtered_and_opened(open_console: Opener, handles: Handles) -> None:
    rows = [
        record(1, "Printer on fire"),
        record(2, "Order 1182"),
        *message(1, "Printer on fire", "It burns.\n\nPlease come."),
    ]
    store(handles, rows, "record")
    async with open_console(screen="records") as console:
        await console.press("slash")
        await console.type("printer")
        await console.until_seen("1 of 2 records")
        await console.press("enter", "enter")
        for expected in (
            "Printer on fire",
            "queue",
            "Raw",
            "Ann <ann@example.org>",
            "It burns.",
            "Please come.",
            "Why it is here",
        ):
            assert expected in console.text, expected
        await console.press("escape")
        assert "1 of 2 records" in console.text


async def test_a_message_whose_bytes_are_gone_says_so(open_console: Opener, handles: Handles) -> None:
    store(handles, [record(1, "Old"), message(1, "Old")[0]], "record")
    async with open_console(screen="records") as console:
        await console.press("enter")
        assert "retention" in console.text


async def test_html_is_shown_as_text_and_links_are_plain(open_console: Opener, handles: Handles) -> None:
    first, raw = message(1, "Hi")
    raw.data = b'Content-Type: text/html\r\n\r\n<p>Hello <a href="https://example.org/x">there</a><img src="http://evil.example/p.png">\r\n'
    store(handles, [record(1, "Hi"), first, raw], "record")
    async with open_console(screen="records") as console:
        await console.press("enter")
        assert "Hello" in console.text
        assert "<p>" not in console.text


async def test_attachments_are_named_with_type_and_size(open_console: Opener, handles: Handles) -> None:
    first, raw = message(1, "Hi")
    raw.data = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee the log.\r\n--b\r\n"
        b'Content-Type: application/gzip; name="export.log.gz"\r\nContent-Disposition: attachment\r\n\r\n'
        b"0123456789\r\n--b--\r\n"
    )
    store(handles, [record(1, "Hi"), first, raw], "record")
    async with open_console(screen="records") as console:
        await console.press("enter")
        assert "See the log." in console.text
        assert "export.log.gz" in console.text
        assert "application/gzip" in console.text


async def test_where_lines_are_few_an_answer_still_says_how_it_is_sent(open_console: Opener, handles: Handles) -> None:
    store(handles, [record(1, "Printer on fire"), *message(1, "Printer on fire", "It burns.")], "record")
    async with open_console((60, 20), screen="records") as console:
        await console.press("enter", "a")
        await console.until_seen("ctrl+s sends")


async def test_an_answer_is_written_and_put_into_the_outbox(open_console: Opener, handles: Handles) -> None:
    store(handles, [record(1, "Printer on fire"), *message(1, "Printer on fire", "It burns.")], "record")
    async with open_console(screen="records") as console:
        await console.press("enter", "a")
        await console.until_seen("Answer to record")
        assert "To      ann@example.org" in console.text
        assert "Printer on fire" in console.text
        await console.type("Water is on its way.")
        await console.press("escape")
        await console.until_seen("esc again throws the text away")
        await console.press("ctrl+s")
        await console.until_seen("The answer is in the outbox as")
        await console.until_seen("Answered")
        assert "ann@example.org" in console.text


async def test_the_marked_records_are_moved_and_closed_from_the_list(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    store(handles, [record(number, f"Printer {number}") for number in (1, 2, 3)], "record")
    queues.add(handles, actor, "Support", {})
    async with open_console(screen="records") as console:
        await console.press("space", "space", "m")
        await console.until_seen("Into which queue?")
        await console.type("supp")
        await console.press("enter")
        await console.until_seen("2 records: queue Support.")
        await console.press("g", "enter", "c")
        await console.until_seen("Which state?")
        await console.type("closed succ")
        await console.press("enter")
        await console.until_seen("state closed successful.")
        await console.until(lambda: "closed successful" in console.lines[2], "the page to say so too")
        await console.press("escape")
        rows = {row["id"]: (row["queue"], row["state"]) for row in console.app.screen.table.window.rows}
        assert rows == {3: ("Support", "closed successful"), 2: ("Support", "new"), 1: (rows[1][0], "new")}


async def test_an_answer_that_cannot_be_sent_is_not_lost(
    open_console: Opener, handles: Handles, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(handles, [record(1, "Printer on fire"), *message(1, "Printer on fire", "It burns.")], "record")
    send = reply.reply
    async with open_console(screen="records") as console:
        await console.press("enter", "a")
        await console.type("Water is on its way.")
        monkeypatch.setattr(reply, "reply", _refuse)
        await console.press("ctrl+s")
        await console.until_seen("Not sent: The disk is full.")
        assert "Water is on its way." in console.text
        monkeypatch.setattr(reply, "reply", send)
        await console.press("ctrl+s")
        await console.until_seen("The answer is in the outbox as")


def _refuse(*_: object) -> str:
    raise StoreBusy("The disk is full.")


async def test_who_cannot_be_answered_is_told_before_anything_is_written(
    open_console: Opener, handles: Handles
) -> None:
    store(handles, [record(1, "Undelivered", customer="MAILER-DAEMON")], "record")
    async with open_console(screen="records") as console:
        await console.press("enter", "a")
        await console.until_seen("has no message of somebody who can be answered")


async def test_the_editor_is_given_what_is_answered_as_one_quotes_it(
    open_console: Opener, handles: Handles, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(handles, [record(1, "Printer on fire"), *message(1, "Printer on fire", "It burns.")], "record")
    given: list[str] = []

    def editor(_: object, __: object, name: str, data: bytes) -> Edited:
        given.append(data.decode())
        folder = Path(tempfile.mkdtemp())
        return Edited(b"Water.\n" + data, folder / name)

    monkeypatch.setattr(write, "edited", editor)
    async with open_console(screen="records") as console:
        await console.press("enter", "a", "ctrl+o")
        await console.until_seen("> It burns.")
        assert "Water." in console.text
    assert "Ann <ann@example.org> wrote:\n> It burns.\n" in given[0]
