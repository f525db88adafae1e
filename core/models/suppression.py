"""Recipients that nothing is sent to for a while, because their mail came back."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, SQLModel

from core.models.base import key, moment


class Suppression(SQLModel, table=True):
    """One address, how often it bounced hard, and until when it is held."""

    __tablename__ = "suppression"

    id: int | None = key()
    address: str = Field(unique=True)
    """In lower case."""
    bounces: int = 0
    """Hard bounces since it was last released."""
    last_text: str = ""
    """What the last report said."""
    first_at: datetime = moment()
    last_at: datetime = moment()
    held_until: datetime | None = moment(nullable=True)
    """Nothing is sent to it until then; none: not held."""
    released_at: datetime | None = moment(nullable=True)
    released_by: str = ""
