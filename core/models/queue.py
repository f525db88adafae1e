"""Where records land."""

from __future__ import annotations

from enum import StrEnum

from core.models.account import Validity
from core.models.base import Resource, unique_while_alive


class ClosedOption(StrEnum):
    """What a follow-up to a closed record does."""

    POSSIBLE = "possible"
    """It is added and opens the record."""
    REJECT = "reject"
    """It is stored on the closed record, whose state stays."""
    NEW = "new"
    """It makes a new record."""


class Queue(Resource, table=True):
    """A place where records of one concern wait for people."""

    __tablename__ = "queue"
    __table_args__ = (unique_while_alive("queue", "name"),)

    name: str
    validity: str = Validity.VALID
    closed: str = ClosedOption.POSSIBLE
    address: str = ""
    comment: str = ""
