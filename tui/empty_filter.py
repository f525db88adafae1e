"""Why a filter finds nothing: it looks in a column there is none of, or for a time that is none."""

from __future__ import annotations

from core import clock
from core.filtering import Term, named, read_filter
from core.named_times import UNDERSTOOD, named_span
from core.resources.kind import Kind


def why_nothing(kind: Kind, filter_text: str) -> str:
    """The sentence about the first word of a filter that can find nothing; empty when each may find something."""
    wanted = named(read_filter(filter_text), kind.filter_names)
    return next(filter(None, (_why(kind, term) for term in wanted.terms)), "")


def _why(kind: Kind, term: Term) -> str:
    if term.column and term.column not in {*kind.filter_columns, *kind.time_columns}:
        columns = ", ".join((*kind.filter_columns, *kind.time_columns))
        return f"There is no column {term.column} to look in. There are: {columns}."
    if term.word and term.column in kind.time_columns and named_span(term.word, clock.utcnow().astimezone()) is None:
        return f"{term.word} is no time to look for in {term.column}. Write {UNDERSTOOD}."
    return ""
