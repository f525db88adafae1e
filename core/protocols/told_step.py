"""A test as texts, for those who follow it from another process: its steps, and what was said on the way to them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from core import errors
from core.errors import PostroomError, SmtpRefused, WireError
from core.protocols.findings import Announced, Found, Shown
from core.protocols.probe import Step
from core.protocols.transcript import Direction, Spoken

LONGEST = 700
"""Characters of what a server said; an event of a request holds a thousand."""

DIALOGUE = "dialogue"
"""What an event is called that is no step but a line of the dialogue."""


def written_line(spoken: Spoken) -> str:
    """A line of the dialogue, who said it first."""
    return f"{spoken.direction}:{spoken.text}"


def read_line(text: str, at: datetime) -> Spoken:
    """The line again; `at` is when it was told."""
    direction, _, said = text.partition(":")
    return Spoken(Direction(direction), said, at)


def written_step(step: Step) -> str:
    """All of a step but its name, outcome and time, which an event has fields for."""
    told: dict[str, Any] = {"detail": step.detail[:LONGEST]}
    if step.cause:
        told["cause"] = step.cause
    if step.failure is not None:
        told["failure"] = type(step.failure).__name__
    if isinstance(step.failure, SmtpRefused):
        told["code"] = step.failure.code
    if isinstance(step.found, Shown):
        told["expires"] = step.found.expires.isoformat()
    if isinstance(step.found, Announced):
        told |= {"size_limit": step.found.size_limit, "takes_utf8": step.found.takes_utf8}
    return json.dumps(told)


def read_step(name: str, text: str, *, ok: bool, ms: float | None) -> Step:
    """The step again; what it failed with is an error of the same class."""
    told = json.loads(text)
    found: Found = None
    if "expires" in told:
        found = Shown(datetime.fromisoformat(told["expires"]))
    elif "size_limit" in told:
        found = Announced(int(told["size_limit"]), bool(told.get("takes_utf8")))
    failure = error_named(told["failure"], told["detail"], told.get("code")) if "failure" in told else None
    return Step(name, ok, ms or 0.0, told["detail"], told.get("cause", ""), found, failure)


def error_named(name: str, text: str, code: int | None = None) -> PostroomError:
    """An error of the class that a worker met, as far as it is one of ours that a text, or a reply's code, makes."""
    if name == SmtpRefused.__name__ and code is not None:
        return SmtpRefused(text, code=code)
    kind = getattr(errors, name, None)
    is_plain = isinstance(kind, type) and issubclass(kind, PostroomError) and kind is not SmtpRefused
    made: PostroomError = kind(text) if is_plain and kind is not None else WireError(text)
    return made
