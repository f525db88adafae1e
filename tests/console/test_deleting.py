"""Rows are deleted, one or those marked, after a question; and brought back."""

from __future__ import annotations

from core import clock
from core.handles import Handles
from core.models import Queue
from core.services.actor import Actor
from core.services.configuration.queues import queues
from core.services.configuration.templates import templates
from tests.console.conftest import Opener
from tests.console.rows import store
from tui.console.window import MOST


async def test_delete_asks_with_another_key_and_can_be_undone(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    queues.add(handles, actor, "Alpha", {})
    async with open_console(screen="queues") as console:
        await console.press("d")
        assert "Delete queue Alpha?" in console.text
        await console.press("d")
        assert "Delete queue Alpha?" in console.text
        await console.press("y")
        await console.until_seen("Deleted Alpha")
        assert "Alpha" not in console.lines[3]
        await console.press("u")
        await console.until_seen("Alpha is back")
        assert "Alpha" in console.lines[3]


async def test_a_refused_delete_names_what_depends(open_console: Opener, handles: Handles, actor: Actor) -> None:
    templates.add(handles, actor, "A relay", {"smtp_host": "relay.example.org"})
    from core.services.configuration.mailboxes import mailboxes

    mailboxes.add(handles, actor, "news", {"template": "A relay", "username": "news", "password": "x"})
    async with open_console(screen="templates") as console:
        await console.press("d", "y")
        await console.until_seen("was not deleted")
        assert "(news)" in console.text
    assert templates.get(handles, actor, "A relay")


async def test_marked_rows_are_deleted_together(open_console: Opener, handles: Handles, actor: Actor) -> None:
    for name in ("A1", "A2", "A3"):
        queues.add(handles, actor, name, {})
    async with open_console(screen="queues") as console:
        await console.press("space", "space")
        assert "2 marked" in console.lines[1]
        await console.press("d", "y")
        await console.until_seen("Deleted A1, A2")


async def test_a_marked_row_is_meant_though_it_is_no_longer_held(open_console: Opener, handles: Handles) -> None:
    now = clock.utcnow()
    store(handles, [Queue(name=f"A{one:03}", created_at=now, updated_at=now) for one in range(2 * MOST)], "queue")
    async with open_console(screen="queues") as console:
        await console.press("space", "G")
        assert "A000" not in [row["name"] for row in console.app.screen.table.window.rows]
        await console.press("d")
        assert "Delete queue A000?" in console.text


async def test_what_was_deleted_before_this_console_was_opened_can_be_brought_back(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    for name in ("Support", "Sales"):
        queues.add(handles, actor, name, {})
        queues.delete(handles, actor, name)
    async with open_console(screen="queues") as console:
        await console.press("u")
        await console.until_seen("Bring back which queue?")
        await console.type("sup")
        await console.press("enter")
        await console.until_seen("Support is back.")
        assert [row["name"] for row in queues.matching(handles, actor, "name:s").rows].count("Support") == 1
