"""Trying filters: what a changed set would do to the messages that are stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core.errors import BadInput, Problem
from core.handles import Handles
from core.inbound.explain import Outcome
from core.inbound.filters import CompiledFilter, compile_filter
from core.inbound.trial import Tried, try_filters
from core.resources.routing import FILTER
from core.services import access
from core.services.actor import Actor
from core.services.config_entries import read_text
from core.services.drafts import drafted, incomplete
from core.services.filters import filters
from core.services.json_rows import plain
from core.services.lookup import living

LAST = 500
"""Messages that filters are tried on unless another number is asked for."""


def try_text(handles: Handles, actor: Actor, text: str, file: str, last: int = LAST) -> Iterator[Tried]:
    """Try the filters of a TOML text; they replace those of the same names, all others stay.

    Raises:
        BadInput: everything that is wrong with the filters, each with file, entry and field.
    """
    access.require(actor, "try", "filter")
    return try_filters(handles, read_filters(handles, text, file), last)


def read_filters(handles: Handles, text: str, file: str) -> list[CompiledFilter]:
    """The filters of a text as an import would make them; of its other tables nothing is taken.

    Raises:
        BadInput: everything that is wrong with them.
    """
    read = read_text(text, file)
    problems: list[Problem] = list(read.problems)
    compiled: list[CompiledFilter] = []
    entries = [entry for entry in read.entries if entry.kind is FILTER]
    if not entries and not problems:
        problems.append(Problem(file, "filter", "there is none: write [[filter]]."))
    with handles.database.reading() as session:
        for entry in entries:
            draft = drafted(session, FILTER, living(session, FILTER, entry.name), entry.given, entry.where)
            wrong = [*entry.given.problems, *incomplete(draft, [one.field for one in entry.given.problems])]
            wrong = wrong or filters.guards.judge(session, draft)
            problems += wrong
            if not wrong:
                values = draft.values
                settings, match = dict(values["set"]), list(values["match"])
                compiled.append(compile_filter(draft.name, stop=values["stop"], match=match, settings=settings))
    if problems:
        raise BadInput(problems=tuple(problems))
    return compiled


def tried_as_json(tried: Tried) -> dict[str, Any]:
    """One message as one object of `--json`."""
    return {
        "id": tried.id,
        "account": plain(tried.account),
        "message_id": plain(tried.message_id),
        "subject": plain(tried.subject),
        "header_from": plain(tried.header_from),
        "received_at": plain(tried.received_at),
        "state": tried.state,
        "record": tried.record or None,
        "before": _side(tried.before, tried.values),
        "after": _side(tried.after, tried.values),
        "rule": plain(tried.step.rule),
        "why": plain(tried.step.why),
    }


def _side(outcome: Outcome, values: tuple[str, ...]) -> dict[str, Any]:
    where = {"state": outcome.state, "queue": outcome.queue, "record": outcome.record or None}
    changed = {name: plain(outcome.values.get(name)) for name in values}
    return {**where, "values": changed} if changed else where
