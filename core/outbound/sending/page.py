"""What one connection has to be written: what came of its last messages, and those it will hand over next."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.outbound.sending.fault import Fault
from core.outbound.sending.job import Job
from core.outbox.settle import Settlement


@dataclass(eq=False)
class Page:
    """Filled by a courier, handed in to be written, and used again by the courier once it is."""

    mailbox_id: int
    follows_window: bool = False
    """Whether it says what came of a window that was marked."""
    over: list[tuple[Job, Settlement]] = field(default_factory=list)
    """Messages whose round is over."""
    moved: list[tuple[Job, Settlement]] = field(default_factory=list)
    """Messages that go on to another mailbox, or wait for another connection."""
    unbegun: list[Job] = field(default_factory=list)
    """Messages to be given back: we stop."""
    not_needed: dict[int, int] = field(default_factory=dict)
    """What was taken of rates and is to be given back, by mailbox."""
    lost: list[Job] = field(default_factory=list)
    """Messages whose lease ran out: nothing is written of them."""
    next_window: list[Job] = field(default_factory=list)
    """Messages to be marked; afterwards those that are still ours."""
    raws: dict[int, bytes] = field(default_factory=dict)
    """The bytes of those, read in the commit that marked them."""
    fault: Fault | None = None
    """Why the mailbox cools down."""
    has_worked: bool = False
    """Whether the relay took something."""
    error: BaseException | None = None
    """Why it could not be written."""
    is_done: bool = False
    """Whether it was written, or could not be."""

    def check_written(self) -> None:
        """Raises what kept it from being written."""
        if self.error is not None:
            raise self.error
