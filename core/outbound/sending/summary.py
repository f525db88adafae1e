"""What a pass came to, in messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.models import OutgoingState

if TYPE_CHECKING:
    from core.outbound.sending.fault import Fault


@dataclass
class Summary:
    """Counts of messages, not of recipients."""

    sent: int = 0
    deferred: int = 0
    failed: int = 0
    expired: int = 0
    uncertain: int = 0
    held: int = 0
    seconds: float = 0.0
    faults: dict[str, Fault] = field(default_factory=dict)
    """Why mailboxes could not send, by their names."""
    left_behind: str = ""
    """Why some of what was handed in is not in the outbox yet."""

    def count(self, state: OutgoingState) -> None:
        """One more message ended its round in this state."""
        name = state.value
        setattr(self, name, getattr(self, name) + 1)

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to do."""
        return not (any(getattr(self, name) for name in _COUNTS) or self.faults or self.left_behind)

    def __add__(self, other: Summary) -> Summary:
        counts = {name: getattr(self, name) + getattr(other, name) for name in _COUNTS}
        return Summary(
            **counts,
            seconds=self.seconds + other.seconds,
            faults={**self.faults, **other.faults},
            left_behind=other.left_behind,
        )

    def as_dict(self) -> dict[str, int | float]:
        """The counts by name, as the command prints them."""
        return {name: getattr(self, name) for name in _COUNTS} | {"seconds": round(self.seconds, 3)}


_COUNTS = ("sent", "deferred", "failed", "expired", "uncertain", "held")
