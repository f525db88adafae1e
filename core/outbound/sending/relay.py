"""One mailbox's connection to its relay: opened when needed, opened again when it was ended meanwhile."""

from __future__ import annotations

import contextlib

from core import clock
from core.errors import ConfigurationError, DeadlineExceeded, UnsafeMessage, WireError
from core.handles import Handles
from core.outbound.route import Route
from core.outbound.sending.connecting import connect
from core.outbound.sending.errand import aside
from core.outbound.sending.fault import Fault
from core.outbound.sending.handed import Given, Handed, Outgoing
from core.outbound.sending.pool import Opened, Pool
from core.outbound.sending.rota import Steps
from core.protocols.server import Timeouts
from core.protocols.smtp.exchange import Exchange
from core.protocols.smtp.reply import CLOSING
from core.protocols.smtp.submission import Phase, SubmitResult

LARGE = 1 << 20
"""Bytes of a message that is made ready aside: it takes so long that others would wait for it."""


class Relay:
    """Used by one courier."""

    def __init__(self, handles: Handles, route: Route, pool: Pool, timeouts: Timeouts) -> None:
        self.route = route
        """The mailbox's way out."""
        self._handles = handles
        self._pool = pool
        self._timeouts = timeouts
        self._opened: Opened | None = None

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

    @property
    def _ahead(self) -> Exchange | None:
        """The message whose envelope the relay has already."""
        return self._opened.connection.ahead if self._opened is not None else None

    def connecting(self) -> Steps[Fault | None]:
        """See to it that there is a connection; else tell why there is none."""
        return None if self.is_ready else (yield from aside(self._connect))

    def _connect(self) -> Fault | None:
        if self._opened is not None:
            self._opened.connection.quit()
        self._opened = self._pool.borrow(self.route)
        if self._opened is None:
            began = clock.monotonic()
            try:
                self._opened = connect(self._handles, self.route, self._timeouts)
            except (WireError, ConfigurationError) as error:
                return Fault.of(error, clock.elapsed_ms(began))
        return None

    def prepare(self, outgoing: Outgoing) -> None:
        """Make a message ready for the connection that is there, if there is one."""
        if self._opened is not None:
            with contextlib.suppress(UnsafeMessage):  # which is told when it is its turn
                outgoing.exchange = _exchange(self._opened, outgoing)

    def submitting(self, outgoing: Given, following: Outgoing | None = None) -> Steps[Handed[Given] | Fault]:
        """Submit one message. That a used connection has come to its end is nobody's fault: once more, over a new one.

        Where the relay allows it, the envelope of `following` goes ahead; it is then to be the next.

        Raises:
            UnsafeMessage: it must not leave.
        """
        began = clock.monotonic()
        if self._ahead not in (None, outgoing.exchange):
            self.drop()  # the relay awaits another message
        while True:
            if not self.is_ready and (fault := (yield from self.connecting())) is not None:
                return fault
            assert self._opened is not None
            opened = self._opened
            exchange = yield from self._prepared(opened, outgoing)
            # An envelope that went ahead followed a message, whatever became of that.
            had_served = opened.has_served or exchange.is_ahead
            then = yield from self._following(opened, following)
            result = yield from opened.connection.running(exchange, then)
            opened.has_served = had_served or (result.reply is not None and result.reply.code != CLOSING)
            if _was_lost_ahead(exchange, result):
                self._pool.go_one_by_one(self.route)
            # The new one has not served yet: its end counts.
            if not had_served or not _was_worn_out(result, is_usable=opened.connection.is_usable):
                return Handed(outgoing, result, opened.host, began, clock.elapsed_ms(began))
            yield from aside(opened.connection.quit)

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
        if following is None or not opened.takes_two_more or self._pool.goes_one_by_one(self.route):
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
        if self._opened is not None:
            self._opened.connection.drop()
            self._opened = None


def _exchange(opened: Opened, outgoing: Outgoing) -> Exchange:
    composed = outgoing.composed
    sender = composed.envelope.sender or ""
    return opened.connection.prepared(sender, outgoing.addresses, composed.raw, composed.envelope_id)


def _was_lost_ahead(exchange: Exchange, result: SubmitResult) -> bool:
    """Whether a relay says nothing to an envelope that went ahead."""
    is_unheard = result.reply is None and result.phase is Phase.MAIL
    return exchange.is_ahead and is_unheard and isinstance(result.error, DeadlineExceeded)


def _was_worn_out(result: SubmitResult, *, is_usable: bool) -> bool:
    """Whether a relay merely wants nothing more over this connection, before it had the message."""
    if result.dot_sent or result.phase is Phase.DOT:
        return False
    if is_usable:
        return result.phase is Phase.MAIL and result.reply is not None and result.reply.is_too_many_messages
    if result.reply is not None:
        return result.reply.code == CLOSING
    return not result.answers
