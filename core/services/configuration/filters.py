"""Filters: rules over messages, refused on save when they could not run."""

from __future__ import annotations

from sqlmodel import Session

from core.errors import BadInput, Problem
from core.inbound.decisions.filters import compile_filter
from core.resources.routing import FILTER
from core.services.configuration.filter_queues import warned
from core.services.editing.drafts import Draft
from core.services.editing.guards import Guards
from core.services.editing.verbs import Resource


def judged(_: Session, draft: Draft) -> list[Problem]:
    """Expressions that cannot be read or run, headers that are no control headers."""
    values = draft.values
    try:
        compile_filter(draft.name, stop=values["stop"], match=list(values["match"]), settings=dict(values["set"]))
    except BadInput as refused:
        return [_problem(draft, problem) for problem in refused.problems]
    return []


def _problem(draft: Draft, problem: Problem) -> Problem:
    field, _, number = problem.field.partition(" ")  # "match 2" is the second condition
    return draft.problem(field, f"condition {number}: {problem.text}" if number else problem.text)


filters = Resource(FILTER, Guards(judge=judged, warn=warned))
