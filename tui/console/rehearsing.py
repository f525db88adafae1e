"""What rules would do, without doing it: a stored message explained, a filter tried on what is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.app import App

from tui.console.cells import grouped
from tui.console.desk import Desk
from tui.console.dialogs.report import Lines, Report
from tui.console.nouns import many

SHOWN = 50
"""Messages that a try tells of; the command line tells of all."""

_DULL = "$foreground-muted"


def show_explained(app: App[Any], desk: Desk, message_id: int) -> None:
    """What today's rules would make of a message, and why."""
    app.push_screen(Report(f"Message {message_id}, by today's rules", lambda: _explained(desk, message_id)))


def show_tried(app: App[Any], desk: Desk, given: Mapping[str, Any], name: str | None) -> None:
    """What a filter, as it stands in its form, would change for what is stored."""
    title = f"Filter {given.get('name') or 'without a name'} on stored messages"
    app.push_screen(Report(title, lambda: _tried(desk, given, name)))


def _explained(desk: Desk, message_id: int) -> Lines:
    from core.services.what_if.explaining import explained_stored, sentence

    outcome = explained_stored(desk.handles, desk.actor, message_id)
    steps = [(f"{step.stage}: {f'{step.rule} – ' if step.rule else ''}{step.why}", "") for step in outcome.trail]
    told = [(f"{one.what} {one.value}: {one.text}", "$text-warning") for one in outcome.complaints]
    return [*steps, *told, (f"=> {sentence(outcome)}", "bold")]


def _tried(desk: Desk, given: Mapping[str, Any], name: str | None) -> Lines:
    from core.services.what_if.trying import told, try_values

    tried = list(try_values(desk.handles, desk.actor, given, name=name))
    different = [one for one in tried if one.is_different]
    lines = [
        (
            f"Tried on {many(len(tried), 'stored message')}: {grouped(len(different))} would come out differently.",
            "bold",
        )
    ]
    for one in different[:SHOWN]:
        which, what, why = told(one)
        lines += [(which, ""), (f"   {what}", "$text-primary"), (f"   {why}", _DULL)]
    if len(different) > SHOWN:
        lines.append((f"… and {grouped(len(different) - SHOWN)} more; all of them: postroom try", _DULL))
    return lines
