"""The outbox: what a person may order of messages that wait."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.handles import Handles
from core.outbox import orders
from core.services import access, audit
from core.services.actor import Actor

_Order = Callable[[Handles, Sequence[int] | None], list[int]]
_NAMED = 50
"""Ids that a line of the audit log names; of more it tells the number."""


def retry(handles: Handles, actor: Actor, ids: Sequence[int] | None) -> int:
    """Try these now, or all that wait; gives how many."""
    return _ordered(handles, actor, "retry", orders.retry, ids)


def cancel(handles: Handles, actor: Actor, ids: Sequence[int] | None) -> int:
    """Take these back, or all that wait; what is being sent just now is not among them."""
    return _ordered(handles, actor, "cancel", orders.cancel, ids)


def hold(handles: Handles, actor: Actor, ids: Sequence[int] | None) -> int:
    """Send these only when they are released."""
    return _ordered(handles, actor, "hold", orders.hold, ids)


def release(handles: Handles, actor: Actor, ids: Sequence[int] | None) -> int:
    """Send what was held."""
    return _ordered(handles, actor, "release", orders.release, ids)


def _ordered(handles: Handles, actor: Actor, verb: str, order: _Order, ids: Sequence[int] | None) -> int:
    access.require(actor, verb, "outbox")
    done = order(handles, ids)
    if done:
        name = ", ".join(map(str, done)) if len(done) <= _NAMED else f"{len(done)} messages"
        audit.publish(handles.database.writing(lambda session: audit.note(session, actor, verb, "outbox", name)))
        handles.changes.moved("audit")
    return len(done)
