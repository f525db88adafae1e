"""A message that was handed to a relay: what was said, and what that means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Generic, NamedTuple, Protocol, TypeVar

from core.outbound.decisions.compose import Composed
from core.outbound.decisions.reading import Reading, read_result
from core.outbound.own_sender import bears_own_addresses
from core.outbound.route import Route
from core.outbound.sending.fault import Fault
from core.outbound.sending.job import Job
from core.outbox.settle import TryMade
from core.protocols.smtp.exchange import Exchange
from core.protocols.smtp.submission import Phase, SubmitResult


class Sent(NamedTuple):
    """One submission, and what it came to."""

    reading: Reading
    result: SubmitResult
    host: str
    ms: float

    @property
    def fault(self) -> Fault | None:
        """Why its mailbox cools down, if it does."""
        if not (self.reading.blame and self.reading.does_cool):
            return None
        reply = self.reading.reply
        return Fault(
            self.reading.blame,
            self.result.phase,
            self.host,
            reply.code if reply is not None else None,
            reply.enhanced if reply is not None else "",
        )

    def as_try(self, job: Job, route: Route, started_at: datetime, warnings: Sequence[str] = ()) -> TryMade:
        """How it stands in a message's history, with what composing it warned of."""
        reply = self.reading.reply
        text = reply.text if reply is not None else self.reading.text
        results = self.reading.results
        if len(results) > 1 and len(states := Counter(result.state.value for result in results.values())) > 1:
            # The last reply is about those who are left; of the others their rows tell.
            text = f"{text} ({', '.join(f'{count} {state}' for state, count in sorted(states.items()))})"
        return TryMade(
            number=job.number,
            mailbox_id=route.mailbox_id,
            mailbox=route.name,
            host=self.host,
            phase=self.result.phase,
            outcome=self.reading.outcome,
            started_at=started_at,
            ms=self.ms,
            reply_code=reply.code if reply is not None else None,
            enhanced_code=reply.enhanced if reply is not None else "",
            text="; ".join(filter(None, (text, *warnings))),
        )


class Outgoing(Protocol):
    """What is handed over."""

    exchange: Exchange | None
    """The same, made ready for a connection."""

    @property
    def composed(self) -> Composed:
        """The message."""

    @property
    def addresses(self) -> Sequence[str]:
        """All that the relay is told."""


Given = TypeVar("Given", bound=Outgoing)


class Handed(NamedTuple, Generic[Given]):
    """A message that was submitted."""

    parcel: Given
    result: SubmitResult
    host: str
    began: float
    """By the monotonic clock."""
    ms: float

    @property
    def is_taken_by_all(self) -> bool:
        """Whether the relay simply took it, for everybody it was told."""
        return self.result.taken and len(self.result.accepted) == len(self.result.recipients)

    def read(self, route: Route) -> Sent:
        """What it means, where it was sent by this mailbox."""
        composed = self.parcel.composed
        is_own = not self.is_taken_by_all and bears_own_addresses(
            composed, route, is_read=self.result.phase in (Phase.DATA, Phase.DOT)
        )
        reading = read_result(self.result, composed.envelope.sender or "", is_own_sender=is_own)
        return Sent(reading, self.result, self.host, self.ms)
