"""What the chain of decisions gives: a verdict before the database is asked, a placement after."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from core.inbound.control_headers import NO_CONTROLS, Controls
from core.inbound.decisions.changes import NO_CHANGES, RecordChanges
from core.inbound.decisions.dispatch import Dispatched
from core.inbound.decisions.facts import MessageFacts, Rules
from core.inbound.decisions.followup import NO_CANDIDATES, Candidates
from core.inbound.record_types import RecordDraft
from core.inbound.trail import Complaint, Trail


class Ending(StrEnum):
    """Where a message ends; the values are those of a stored message's state."""

    RECORDED = "recorded"
    """It makes a record or follows one up."""
    QUARANTINED = "quarantined"
    """It waits for a person."""
    IGNORED = "ignored"
    """A header or filter said so."""
    BOUNCE = "bounce"
    """It reports that a message could not be delivered."""


class Verdict(NamedTuple):
    """What is decided before the database is asked, and what the rest will need."""

    facts: MessageFacts
    rules: Rules
    sender: str
    """The From address in lower case; what the loop guard counts by."""
    own: str | None
    """How it shows that we sent it ourselves."""
    trail: Trail
    """So far."""
    complaints: tuple[Complaint, ...]
    ending: Ending | None = None
    """Where it ends already: ignored or bounce."""
    controls: Controls = NO_CONTROLS
    """What counts, of the message if it is trusted and of the filters."""
    candidates: Candidates = NO_CANDIDATES
    """What to look up."""
    dispatched: Dispatched | None = None
    """Where a new record would land; there unless the message has ended."""
    draft: RecordDraft | None = None
    """The record it would make."""
    returned_id: int | None = None
    """The outgoing message that the token of a bounce's address stands for."""


@dataclass(frozen=True, slots=True)
class KnownRecord:
    """A record that messages may follow up."""

    number: str
    queue: str
    state: str
    id: int | None = None
    """`None`: it is made in this batch."""
    type: str = field(default="", compare=False)
    """What it is; hand-offs choose by it."""

    @property
    def is_closed(self) -> bool:
        """Whether it is over; the states that start with "closed" say so."""
        return self.state.lower().startswith("closed")

    @property
    def is_pending(self) -> bool:
        """Whether it waits for something; the states that start with "pending" say so."""
        return self.state.lower().startswith("pending")


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a message ends, and what that does."""

    verdict: Verdict
    ending: Ending
    trail: Trail
    complaints: tuple[Complaint, ...]
    draft: RecordDraft | None = None
    """The new record it makes; its number comes from the caller."""
    queue: str | None = None
    """Where the new record lands."""
    record: KnownRecord | None = None
    """The record it is added to, as it was before: a follow-up, a copy, or a bounce of its mail."""
    changes: RecordChanges = NO_CHANGES
    """What becomes different on that record."""
    reason: str = ""
    """Why it is quarantined."""
    reports_on: tuple[int, ...] = ()
    """The rows of the outgoing message that a bounce is about."""
    is_copy: bool = False
    """The same message lies in another folder: it belongs to that one's record and adds nothing to it."""

    @property
    def is_follow_up(self) -> bool:
        """Whether it adds to a record that was there."""
        return self.ending is Ending.RECORDED and self.record is not None
