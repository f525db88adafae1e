"""What rules would do, seen in the console: a stored message explained, a filter tried from its form."""

from __future__ import annotations

from core.handles import Handles
from core.services.actor import Actor, Role
from core.services.configuration.filters import filters
from tests.console.conftest import Opener
from tests.console.rows import message, record, store


async def test_a_message_is_explained_from_its_list_and_its_screen(open_console: Opener, handles: Handles) -> None:
    store(handles, [record(1, "Hello"), *message(1, "Hello")], "message")
    async with open_console(screen="messages") as console:
        await console.press("t")
        await console.until_seen("by today's rules")
        await console.until_seen("=> recorded: a new Ticket in queue Raw")
        await console.press("escape", "enter", "t")
        await console.until_seen("=> recorded: a new Ticket in queue Raw")


async def test_a_filter_is_tried_from_its_form_before_it_is_saved(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    given = {"match": [{"header": "Subject", "regex": "nothing"}], "set": {"X-OTOBO-Queue": "Junk"}}
    filters.add(handles, actor, "010 junk", given)
    store(handles, [record(1, "Hello"), *message(1, "Hello")], "message")
    async with open_console(screen="filters") as console:
        await console.press("e")
        console.app.screen.fields["match"].typed = "Subject: ^x$"
        await console.press("ctrl+t")
        await console.until_seen("Tried on 1 stored message: 1 would come out differently.")
        await console.until_seen("010 junk: sets Queue = Junk")
        console.app.screen.dismiss()
        await console.settled()
        console.app.screen.fields["match"].typed = "Subject: ("
        await console.press("ctrl+t")
        await console.until_seen("cannot be read")
    assert filters.get(handles, actor, "010 junk")["match"][0]["regex"] == "nothing"


async def test_who_may_only_look_is_offered_neither(open_console: Opener, handles: Handles) -> None:
    store(handles, [record(1, "Hello"), *message(1, "Hello")], "message")
    viewer = Actor("v", "h", Role.VIEWER)
    async with open_console(screen="messages", actor=viewer) as console:
        await console.press("t")
        assert "today's rules" not in console.text
        await console.press("enter", "t")
        assert "today's rules" not in console.text


async def test_conditions_and_values_are_shown_how_they_are_written(open_console: Opener) -> None:
    async with open_console(screen="filters") as console:
        await console.press("n")
        assert "as Subject: invoice" in console.text
        assert "as X-OTOBO-Queue: Support" in console.text
        form = console.app.screen
        form.fields["match"].typed = "invoice"
        form.fields["set"].typed = "X-OTOBO-Queue = Support"
        await console.press("ctrl+s")
        said = " ".join(console.text.split())
        assert "A line each: Header: expression" in said
        assert "✗ X-OTOBO-Queue = Support is no control header. A line each: X-OTOBO-Header: value." in said
