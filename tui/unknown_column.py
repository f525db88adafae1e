"""A filter that looks in a column there is none of finds nothing, and whoever typed it should know why."""

from __future__ import annotations

from core.filtering import read_filter
from core.resources.kind import Kind


def unknown_column(kind: Kind, filter_text: str) -> str:
    """The sentence about the first column of a filter that the kind has not; empty when it has all."""
    known = kind.filter_names
    unknown = [term.column for term in read_filter(filter_text).terms if term.column and term.column not in known]
    if not unknown:
        return ""
    return f"There is no column {unknown[0]} to look in. There are: {', '.join(kind.filter_columns)}."
