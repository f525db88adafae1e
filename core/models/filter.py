"""Postmaster filters: rules that look at a message and set control headers."""

from __future__ import annotations

from typing import Any

from core.models.base import Resource, json_list, json_object, unique_while_alive


class Filter(Resource, table=True):
    """A rule over headers and body; run in order of name by code point."""

    __tablename__ = "filter"
    __table_args__ = (unique_while_alive("filter", "name"),)

    name: str
    stop: bool = False
    match: list[dict[str, Any]] = json_list()
    """Conditions: `{"header": …, "regex": …, "negate": false}`."""
    set: dict[str, str] = json_object()
    """Control headers and the values they are set to."""
