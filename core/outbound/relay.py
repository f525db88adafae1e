"""One mailbox's connection to its relay: opened when needed, opened again when it was ended meanwhile."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from core import clock
from core.errors import ConfigurationError, LoginRefused, PostroomError, SmtpRefused, UnsafeMessage, WireError
from core.handles import Handles
from core.models import OutgoingState
from core.outbound.compose import Composed
from core.outbound.connecting import connect
from core.outbound.errand import Errand, aside
from core.outbound.job import Job
from core.outbound.outcome import Reading, read_result
from core.outbound.own_sender import bears_own_addresses
from core.outbound.pool import Opened, Pool
from core.outbound.route import Route
from core.outbox.settle import TryMade
from core.protocols.server import Timeouts
from core.protocols.smtp_exchange import Exchange
from core.protocols.steps import SteppedSocket
from core.protocols.submission import Phase, SubmitResult

T = TypeVar("T")
Steps = Generator[SteppedSocket | Errand[Any], None, T]
"""Something done in steps, between which one waits for an answer, or for a connection."""

LARGE = 1 << 20
"""Bytes of a message that is made ready aside: it takes so long that others would wait for it."""

_CLOSING = 421
_CODE = re.compile(r"([2-5]\d\d)(?: ([245]\.\d{1,3}\.\d{1,3}))?\b")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a mailbox cannot send at all."""

    text: str
    phase: str
    host: str = ""
    reply_code: int | None = None
    enhanced_code: str = ""
    is_configuration: bool = False
    """Whether a person must change something: a wrong password, a certificate."""

    @classmethod
    def of(cls, error: PostroomError) -> Fault:
        """What an error on the way to the relay means."""
        wire = error if isinstance(error, WireError) else None
        code, enhanced = _reply_in(error)
        return cls(
            text=str(error),
            phase=wire.phase or "connect" if wire is not None else "login",
            host=wire.host if wire is not None else "",
            reply_code=code,
            enhanced_code=enhanced,
            is_configuration=isinstance(error, ConfigurationError | LoginRefused) or error.exit_code == 78,
        )

    def as_try(self, job: Job, route: Route, now: datetime) -> TryMade:
        """How it stands in a message's history."""
        return TryMade(
            number=job.number,
            mailbox_id=route.mailbox_id,
            mailbox=route.name,
            host=self.host,
            phase=self.phase,
            outcome=OutgoingState.DEFERRED,
            started_at=now,
            reply_code=self.reply_code,
            enhanced_code=self.enhanced_code,
            text=self.text,
        )


class Sent(NamedTuple):
    """One submission, and what it came to."""

    reading: Reading
    result: SubmitResult
    host: str
    ms: float

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
            text=" ".join((text, *warnings)),
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


Kind = TypeVar("Kind", bound=Outgoing)


class Handed(NamedTuple, Generic[Kind]):
    """A message that was submitted."""

    parcel: Kind
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


class Relay:
    """Used by one courier."""

    def __init__(self, handles: Handles, route: Route, pool: Pool, timeouts: Timeouts) -> None:
        self.route = route
        """The mailbox's way out."""
        self._handles = handles
        self._pool = pool
        self._timeouts = timeouts
        self._opened: Opened | None = None
        self._ahead: Exchange | None = None
        """The message whose envelope the relay has already."""

    @property
    def is_ready(self) -> bool:
        """Whether there is a connection that takes another message."""
        return self._opened is not None and self._opened.is_fresh_enough

    def offers(self, feature: str) -> bool:
        """Whether the relay lists this feature; false while there is no connection."""
        return self._opened is not None and self._opened.connection.offers(feature)

    @property
    def size_limit(self) -> int | None:
        """The largest message that the relay takes, in bytes; 0: it does not say; `None`: there is no connection."""
        return self._opened.connection.size_limit if self._opened is not None else None

    @property
    def recipients_limit(self) -> int:
        """The most recipients that the relay says it takes in one transaction; 0: it does not say."""
        return self._opened.connection.recipients_limit if self._opened is not None else 0

    def connecting(self) -> Steps[Fault | None]:
        """See to it that there is a connection; else tell why there is none."""
        return None if self.is_ready else (yield from aside(self._connect))

    def _connect(self) -> Fault | None:
        if self._opened is not None:
            self._opened.connection.quit()
        self._ahead = None
        self._opened = self._pool.borrow(self.route)
        if self._opened is None:
            try:
                self._opened = connect(self._handles, self.route, self._timeouts)
            except (WireError, ConfigurationError) as error:
                return Fault.of(error)
        return None

    def prepare(self, outgoing: Outgoing) -> None:
        """Make a message ready for the connection that is there, if there is one."""
        if self._opened is not None:
            with contextlib.suppress(UnsafeMessage):  # which is told when it is its turn
                outgoing.exchange = _exchange(self._opened, outgoing)

    def submitting(self, outgoing: Kind, following: Outgoing | None = None) -> Steps[Handed[Kind] | Fault]:
        """Submit one message. A used connection that was ended meanwhile is nobody's fault: once more, over a new one.

        Where the relay allows it, the envelope of `following` goes ahead; it is then to be the next.

        Raises:
            UnsafeMessage: it must not leave.
        """
        began = clock.monotonic()
        if self._ahead is not None and self._ahead is not outgoing.exchange:
            self.drop()  # the relay awaits another message
        while True:
            if not self.is_ready and (fault := (yield from self.connecting())) is not None:
                return fault
            assert self._opened is not None
            opened, had_served = self._opened, self._opened.has_served
            exchange = yield from self._prepared(opened, outgoing)
            then = yield from self._following(opened, following)
            result = yield from opened.connection.running(exchange, then)
            self._ahead = then if then is not None and then.is_ahead else None
            opened.has_served = had_served or result.taken
            # The new one has not served yet: its end counts.
            if opened.connection.is_usable or not had_served or not _was_stale(result):
                return Handed(outgoing, result, opened.host, began, clock.elapsed_ms(began))

    def _prepared(self, opened: Opened, outgoing: Outgoing) -> Steps[Exchange]:
        exchange = outgoing.exchange
        if exchange is None or exchange.is_used or not opened.connection.is_for(exchange):
            if len(outgoing.composed.raw) < LARGE:
                exchange = _exchange(opened, outgoing)
            else:
                exchange = yield from aside(lambda: _exchange(opened, outgoing))
            outgoing.exchange = exchange
        return exchange

    def _following(self, opened: Opened, following: Outgoing | None) -> Steps[Exchange | None]:
        """The next message, made ready, if it is to go over the same connection."""
        if following is None or not opened.takes_two_more:
            return None
        try:
            return (yield from self._prepared(opened, following))
        except UnsafeMessage:
            return None  # which is told when it is its turn

    def rest(self) -> None:
        """Leave the connection to whoever needs it next."""
        if self._ahead is not None:
            self.drop()
        if self._opened is not None:
            self._pool.give_back(self._opened)
            self._opened = None

    def drop(self) -> None:
        """Abandon the connection."""
        self._ahead = None
        if self._opened is not None:
            self._opened.connection.drop()
            self._opened = None


def _exchange(opened: Opened, outgoing: Outgoing) -> Exchange:
    composed = outgoing.composed
    sender = composed.envelope.sender or ""
    return opened.connection.prepared(sender, outgoing.addresses, composed.raw, composed.envelope_id)


def _reply_in(error: PostroomError) -> tuple[int | None, str]:
    """The code of the reply that an error is about, and its enhanced code; `None` when there was no reply."""
    if isinstance(error, SmtpRefused):
        return error.code, error.enhanced
    said = _CODE.match(error.reply) if isinstance(error, LoginRefused) else None
    return (int(said[1]), said[2] or "") if said else (None, "")


def _was_stale(result: SubmitResult) -> bool:
    """Whether a relay merely ended a session before it had the message."""
    if result.dot_sent or result.phase is Phase.DOT:
        return False
    return result.reply is None or result.reply.code == _CLOSING
