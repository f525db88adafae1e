"""Where records are offered to other systems."""

from __future__ import annotations

from core.models.base import Resource, json_list, unique_while_alive


class Handoff(Resource, table=True):
    """A command or address that new records and follow-ups are handed to."""

    __tablename__ = "handoff"
    __table_args__ = (unique_while_alive("handoff", "name"),)

    name: str
    command: str = ""
    url: str = ""
    queues: list[str] = json_list()
    types: list[str] = json_list()
    active: bool = True
