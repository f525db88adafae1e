"""Where a message stands, told by its recipients."""

from __future__ import annotations

from collections.abc import Iterable

from core.models import OutgoingState

PRECEDENCE = (
    OutgoingState.SENDING,
    OutgoingState.UNCERTAIN,
    OutgoingState.DEFERRED,
    OutgoingState.QUEUED,
    OutgoingState.HELD,
    OutgoingState.FAILED,
    OutgoingState.EXPIRED,
    OutgoingState.CANCELLED,
)
"""With mixed recipients the first that applies is the message's state; else it is sent, though it bounced later."""


OVER = (OutgoingState.SENT, OutgoingState.FAILED, OutgoingState.EXPIRED, OutgoingState.CANCELLED)
"""A message in one of these is not tried again."""


def message_state(states: Iterable[str]) -> OutgoingState:
    """A message's state by those of its recipients, the Bcc ones not among them."""
    present = set(states)
    return next((state for state in PRECEDENCE if state in present), OutgoingState.SENT)
