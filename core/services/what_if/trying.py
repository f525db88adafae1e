"""Trying filters: what a changed set would do to the messages that are stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from core.errors import BadInput, Problem
from core.handles import Handles
from core.inbound.decisions.filters import CompiledFilter, compile_filter
from core.inbound.explain import Outcome
from core.inbound.trial import Tried, try_filters
from core.resources.json_rows import plain
from core.resources.routing import FILTER
from core.services import access
from core.services.actor import Actor
from core.services.configuration.config_entries import read_text
from core.services.configuration.filters import filters
from core.services.editing.checking import problems_of
from core.services.editing.drafts import Draft, drafted, incomplete, read_given
from core.services.lookup import living
from core.services.what_if.explaining import in_words

LAST = 500
"""Messages that filters are tried on unless another number is asked for."""


def try_text(handles: Handles, actor: Actor, text: str, file: str, last: int = LAST) -> Iterator[Tried]:
    """Try the filters of a TOML text; they replace those of the same names, all others stay.

    Raises:
        BadInput: everything that is wrong with the filters, each with file, entry and field.
    """
    access.require(actor, "try", "filter")
    return try_filters(handles, read_filters(handles, text, file), last)


def try_values(
    handles: Handles, actor: Actor, given: Mapping[str, Any], *, name: str | None = None, last: int = LAST
) -> Iterator[Tried]:
    """Try a filter as it stands in a form, in the place of the one that is saved under `name`.

    Raises:
        BadInput: everything that is wrong with it.
    """
    access.require(actor, "try", "filter")
    with handles.database.reading() as session:
        row = None if name is None else living(session, FILTER, name)
        read = read_given(FILTER, given)
        draft = drafted(session, FILTER, row, read)
        if problems := problems_of(session, filters.guards, draft, read.problems):
            raise BadInput(problems=tuple(problems))
    gone = {name} - {draft.name} if name is not None else ()
    return try_filters(handles, [_compiled(draft)], last, without=gone)


def told(tried: Tried) -> tuple[str, str, str]:
    """One message in three lines: which, where it would end before and after, what decides."""
    before, after = _place(tried.before, tried), _place(tried.after, tried)
    return (
        f"{tried.id}  {tried.subject or '(no subject)'}",
        f"{before} → {after}" if tried.is_different else after,
        f"{tried.step.rule or tried.step.stage}: {tried.step.why}",
    )


def _place(outcome: Outcome, tried: Tried) -> str:
    values = "".join(f", {name} {in_words(outcome.values.get(name) or 'none')}" for name in tried.values)
    if outcome.state != "recorded":
        return outcome.state
    return f"{outcome.queue} ({outcome.record or 'a new record'}{values})"


def _compiled(draft: Draft) -> CompiledFilter:
    values = draft.values
    return compile_filter(draft.name, stop=values["stop"], match=list(values["match"]), settings=dict(values["set"]))


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
                compiled.append(_compiled(draft))
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
