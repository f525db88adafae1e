"""A step of a test as one text, for those who follow it from another process."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from core import errors
from core.errors import PostroomError, WireError
from core.protocols.findings import Announced, Found, Shown
from core.protocols.probe import Step

LONGEST = 700
"""Characters of what a server said; an event of a request holds a thousand."""


def written_step(step: Step) -> str:
    """All of a step but its name, outcome and time, which an event has fields for."""
    told: dict[str, Any] = {"detail": step.detail[:LONGEST]}
    if step.cause:
        told["cause"] = step.cause
    if step.failure is not None:
        told["failure"] = type(step.failure).__name__
    if isinstance(step.found, Shown):
        told["expires"] = step.found.expires.isoformat()
    if isinstance(step.found, Announced):
        told["size_limit"] = step.found.size_limit
    return json.dumps(told)


def read_step(name: str, text: str, *, ok: bool, ms: float | None) -> Step:
    """The step again; what it failed with is an error of the same class."""
    told = json.loads(text)
    found: Found = None
    if "expires" in told:
        found = Shown(datetime.fromisoformat(told["expires"]))
    elif "size_limit" in told:
        found = Announced(int(told["size_limit"]))
    failure = error_named(told["failure"], told["detail"]) if "failure" in told else None
    return Step(name, ok, ms or 0.0, told["detail"], told.get("cause", ""), found, failure)


def error_named(name: str, text: str) -> PostroomError:
    """An error of the class that a worker met, as far as it is one of ours that a text makes."""
    kind = getattr(errors, name, None)
    is_plain = isinstance(kind, type) and issubclass(kind, PostroomError) and kind is not errors.SmtpRefused
    made: PostroomError = kind(text) if is_plain and kind is not None else WireError(text)
    return made
