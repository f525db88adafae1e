"""What a first run of an account would do with what lies on its server, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from core.protocols.findings import Asked, Contents
from core.settings import write_size
from core.text import counted


def asked_of(values: Mapping[str, Any]) -> Asked:
    """What must be found out in each folder to tell it."""
    start = values["start_from"]
    since = date.fromisoformat(start) if start not in {"all", "now"} else None
    return Asked(since, int(values["max_size"]), values["move_to"] if values["after_fetch"] == "move" else "")


def refusal(values: Mapping[str, Any], found: Sequence[Contents]) -> str | None:
    """Why a first run would be refused, and what to change; none if it would not be."""
    start = values["start_from"]
    is_pop3 = not str(values["type"]).startswith("IMAP")
    if is_pop3 and start not in {"all", "now"}:
        return 'POP3 does not tell when mail came. Set "start from" to all or now.'
    if name := next((contents.target_name for contents in found if contents.target_name), ""):
        return (
            f'There is no folder {values["move_to"]!r} to move to, nor can one be made: set "move to" to {name!r}, '
            "where the server keeps folders."
        )
    if all(contents.is_named for contents in found):
        return None
    nameless = "The server does not give every message a name (UIDL) of its own, so"
    if values["after_fetch"] == "keep":
        return f'{nameless} what is kept there could not be told from new mail. Set "after fetching" to delete.'
    return None if start == "all" else f'{nameless} where to begin could not be kept. Set "start from" to all.'


def plan(values: Mapping[str, Any], found: Sequence[Contents]) -> str:
    """`a first run would take in 412 messages, oldest 2019-03-01, and delete them on the server`."""
    if values["start_from"] == "now":
        return f"a first run would take in nothing of what is there, and {_after(values, found, 'what comes')}"
    taken = " and ".join(_taken(contents, is_one=len(found) == 1) for contents in found)
    large = sum(contents.too_large for contents in found)
    stay = counted(large, "stays", "stay")
    rest = f"; {stay} there, larger than {write_size(int(values['max_size']))}" if large else ""
    return f"a first run would take in {taken}, and {_after(values, found, 'them')}{rest}"


def _taken(contents: Contents, *, is_one: bool) -> str:
    where = "" if is_one else f" in {contents.folder}"
    if contents.since is not None:
        taken = f"{contents.since - contents.too_large} of {counted(contents.messages, 'message')}"
        return f"{taken}{where}, those from the day set on"
    oldest = f", oldest {contents.oldest:%Y-%m-%d}" if contents.oldest is not None else ""
    return f"{counted(contents.messages - contents.too_large, 'message')}{where}{oldest}"


def _after(values: Mapping[str, Any], found: Sequence[Contents], what: str) -> str:
    match values["after_fetch"]:
        case "delete" if any(contents.deletes_into_trash for contents in found):
            return f"move {what} to the server's Trash (Gmail has no other way to delete)"
        case "delete":
            return f"delete {what} on the server"
        case "move":
            return f"move {what} to {values['move_to']} on the server"
    as_it_is = "as it is" if what == "what comes" else "as they are"
    return f"leave {what} on the server {'marked as read' if values['mark_seen'] else as_it_is}"
