"""What messages say, as `show` prints it: their text, taken from the bytes, and the names of what is attached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.handles import Handles
from core.resources.incoming import MESSAGE, QUARANTINE, RECORD
from core.resources.kind import Kind
from core.resources.outbox import OUTBOX
from core.services.actor import Actor
from tui.cli.told.output import TableColumn, write_line, write_table, write_text
from tui.sizes import size

if TYPE_CHECKING:
    from core.mail.body import Body

TEXTS_AT_MOST = 20
"""Messages of a record whose text is printed, the newest."""

_INDENT = "  "
_ATTACHED = (TableColumn("name", "name"), TableColumn("type", "type"), TableColumn("size", "size", is_right=True))


def write_letters(handles: Handles, actor: Actor, kind: Kind, whole: Mapping[str, Any]) -> None:
    """Print what a message says, or each of a record's; nothing of what is neither."""
    if kind not in (MESSAGE, QUARANTINE, RECORD, OUTBOX):
        return
    from core.services.looking import reading

    if kind is OUTBOX:
        _write_body("text", reading.outgoing(handles, actor, whole["id"]).body, f"raw --outbox {whole['id']}")
        return
    for one in _newest(whole):
        title = f"text of message {one['id']}, {one['header_from']}" if kind is RECORD else "text"
        _write_body(title, reading.read(handles, actor, one["id"]), f"raw {one['id']}")


def _newest(whole: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    messages: Sequence[Mapping[str, Any]] = whole.get("messages", [whole])
    return messages[-TEXTS_AT_MOST:]


def _write_body(title: str, body: Body, command: str) -> None:
    """`command`: what gives all of it."""
    write_line(title)
    write_text(body.text.strip("\n") or "(no text)", indent=_INDENT)
    if body.is_cut:
        write_line(f"{_INDENT}(there is more: postroom {command} gives all of it)")
    if body.parts:
        write_line("attachments")
        rows = [{"name": one.name, "type": one.media_type, "size": size(one.size)} for one in body.parts]
        write_table(_ATTACHED, rows, indent=_INDENT)
