"""What the doctor looks at: an open Postroom, at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from core.handles import Handles
from core.settings import RuntimeSettings

_NAMED = 5


@dataclass(frozen=True)
class Scene:
    """What the checks of the database look at."""

    handles: Handles
    session: Session
    settings: RuntimeSettings
    now: datetime


def some(names: list[str]) -> str:
    """The first few of many names, and how many more there are."""
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
