"""Addresses in the console: many of them given to another queue at once."""

from __future__ import annotations

from core.handles import Handles
from core.resources.routing import ADDRESS
from core.services.actor import Actor, Role
from core.services.configuration.addresses import addresses
from core.services.lists import search
from tests.console.conftest import Opener
from tui.console import row_changes
from tui.console.desk import Desk


async def test_all_addresses_of_a_queue_go_to_another(open_console: Opener, handles: Handles, actor: Actor) -> None:
    for name, queue in (("ann", "Raw"), ("bob", "Raw"), ("eve", "Junk")):
        addresses.add(handles, actor, f"{name}@example.org", {"queue": queue})
    async with open_console(screen="addresses", filter_text="queue:raw") as console:
        await console.until_seen("2 of 3 addresses")
        await console.press("asterisk", "m")
        await console.until_seen("Into which queue?")
        await console.type("postm")
        await console.press("enter")
        await console.until_seen("2 addresses: queue Postmaster.")
    rows = {row["address"]: row["queue"] for row in search.matching(handles, actor, ADDRESS).rows}
    assert rows == {
        "ann@example.org": "Postmaster",
        "bob@example.org": "Postmaster",
        "eve@example.org": "Junk",
    }


async def test_who_may_not_configure_is_not_offered_it(open_console: Opener, handles: Handles, actor: Actor) -> None:
    addresses.add(handles, actor, "ann@example.org", {"queue": "Raw"})
    async with open_console(screen="addresses", actor=Actor("op", "vm", Role.OPERATOR)) as console:
        await console.until_seen("ann@example.org")
        await console.press("m")
        assert "Into which queue?" not in console.text
        assert " m move" not in console.text


def test_what_somebody_else_moved_since_it_was_listed_is_moved_as_well(handles: Handles, actor: Actor) -> None:
    for name, queue in (("ann", "Junk"), ("bob", "Raw"), ("eve", "Junk")):
        addresses.add(handles, actor, f"{name}@example.org", {"queue": queue})
    listed = list(search.matching(handles, actor, ADDRESS).rows)
    addresses.change(handles, actor, "ann@example.org", {"queue": "Postmaster"})
    said = row_changes._changed(Desk(handles, actor), ADDRESS, "queue", "Junk", listed)
    assert said == "2 addresses: queue Junk."
    assert {row["queue"] for row in search.matching(handles, actor, ADDRESS).rows} == {"Junk"}
