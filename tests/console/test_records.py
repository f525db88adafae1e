"""Records and messages, opened."""

from __future__ import annotations

from core.handles import Handles
from core.services.actor import Actor
from core.services.queues import queues
from tests.console.conftest import Opener
from tests.console.rows import message, record, store


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


async def test_an_answer_is_written_and_put_into_the_outbox(open_console: Opener, handles: Handles) -> None:
    store(handles, [record(1, "Printer on fire"), *message(1, "Printer on fire", "It burns.")], "record")
    async with open_console(screen="records") as console:
        await console.press("enter", "a")
        await console.until_seen("Answer to record")
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
        rows = {row["id"]: (row["queue"], row["state"]) for row in console.app.screen.table.window.rows}
        assert rows == {3: ("Support", "closed successful"), 2: ("Support", "new"), 1: (rows[1][0], "new")}
