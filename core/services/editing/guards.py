"""Where a resource adds its own rules to the verbs that all share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from core.errors import Problem
from core.services.editing.drafts import Draft
from core.services.lookup import Stored


@dataclass(frozen=True)
class Change:
    """What a hook is told: the transaction, the row it is about, the time."""

    session: Session
    row_id: int
    now: datetime


@dataclass(frozen=True)
class Guards:
    """The rules of one resource; each has a default that allows and adds nothing."""

    complete: Callable[[Draft], Draft] = lambda draft: draft
    """Fill in what follows from the rest."""
    judge: Callable[[Session, Draft], list[Problem]] = lambda _session, _draft: []
    """What is wrong with the fields together, or beside other rows, as they stand in the transaction."""
    warn: Callable[[Session, Draft], list[str]] = lambda _session, _draft: []
    """What is allowed and yet worth a word, as it stands in the transaction."""
    columns: Callable[[Draft], dict[str, object]] = lambda _: {}
    """Further columns to write."""
    written: Callable[[Change, Draft], None] = lambda _change, _draft: None
    """What else is written once the row stands."""
    in_use: Callable[[Session, Stored], str | None] = lambda _session, _row: None
    """Why it cannot be deleted, as a sentence."""
    deleted: Callable[[Change], None] = lambda _: None
    """What else happens when it goes."""
    restored: Callable[[Change], None] = lambda _: None
    """What else happens when it comes back."""
