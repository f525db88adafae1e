"""Telling the server that we have a message: only ever of what is committed here, and only while the lease holds."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from sqlmodel import Session

from core import clock
from core.errors import LeaseLost, WireError
from core.failpoints import fp
from core.inbound.marks import Pending, note_acknowledged
from core.inbound.server.connection import came
from core.inbound.server.visit import Visit
from core.models import AfterFetch
from core.protocols.causes import advice
from core.protocols.source import Key, Removal
from core.runlog import Counts, Written

LONGEST_ACKNOWLEDGEMENT = 15.0
"""Seconds the lease must still last before anything is changed on the server."""

NOT_SAFE_HERE = (
    "PostgreSQL runs with fsync = off: what is stored here may be lost with the power. Nothing is deleted or moved on"
    " servers until it is on."
)

MOST_ORDERED = 2
"""Batches whose acknowledgement may be on its way while later ones are taken in."""


@dataclass(frozen=True)
class _Order:
    messages: tuple[Pending, ...]
    rule: str
    started: float
    removal: Future[Removal]


@dataclass
class Acknowledger:
    """Acknowledges for one run; with POP3, deletes become real when the connection is closed."""

    visit: Visit
    is_impatient: Callable[[], bool]
    """Whether the run is to stop and has waited for its server long enough; the next run tells it what is left."""
    _ordered: deque[_Order] = field(default_factory=deque)
    _at_close: dict[Key, Pending] = field(default_factory=dict)
    _outlives_power: bool | None = None

    def acknowledge(self, messages: Sequence[Pending]) -> None:
        """Have these deleted, moved or marked on the server; what the server confirmed before is noted here."""
        for (rule, target), group in _by_rule(messages).items():
            if rule != AfterFetch.KEEP and not self._is_safe_here():
                continue
            removal = self.visit.connection.order(self._carry_out, rule, target, [one.key for one in group])
            self._ordered.append(_Order(tuple(group), rule, clock.monotonic(), removal))
        self.collect(leave=MOST_ORDERED)

    def collect(self, *, leave: int = 0) -> None:
        """Note what the server confirmed, waiting until at most `leave` orders are open."""
        while self._ordered and (len(self._ordered) > leave or self._ordered[0].removal.done()):
            if not came(self._ordered[0].removal, self.is_impatient):
                return
            self._note(self._ordered.popleft())

    def _is_safe_here(self) -> bool:
        """Whether messages may leave their server: what is not acknowledged is tried again by the next run."""
        if self._outlives_power is None:
            self._outlives_power = self.visit.handles.database.outlives_power()
            if not self._outlives_power:
                self.visit.log.complaint(NOT_SAFE_HERE)
        return self._outlives_power

    def close(self) -> None:
        """Say goodbye, and note what the server removed by that (RFC 1939 §6)."""
        self.collect()
        if self._at_close:
            self._require_lease()
        closing = self.visit.connection.order(self.visit.source.close)
        if not came(closing, self.is_impatient):
            return
        removed = closing.result()
        if self._at_close:
            fp("K6")
        done = [self._at_close[key] for key in removed if key in self._at_close]
        if done:
            self._commit(done, was_changed=True)
            self.visit.log.acknowledged(len(done), AfterFetch.DELETE, 0.0)

    def _carry_out(self, rule: str, target: str, keys: Sequence[Key]) -> Removal:
        self._require_lease()
        source = self.visit.source
        try:
            if rule == AfterFetch.KEEP:
                source.mark_seen(keys)
                return Removal(done=tuple(keys))
            return source.move(keys, target) if rule == AfterFetch.MOVE else source.delete(keys)
        except WireError as error:
            if not source.is_usable:
                raise
            # A server that will not remove (rights, quota) must not keep new mail out; the next run asks it again.
            return Removal(left=tuple(keys), note=advice(error))

    def _require_lease(self) -> None:
        if not self.visit.handles.renewer.outlives(self.visit.claimed.lease, LONGEST_ACKNOWLEDGEMENT):
            raise LeaseLost(
                "The claim on the account may run out before the server is done; nothing was changed there."
            )

    def _note(self, order: _Order) -> None:
        removal = order.removal.result()
        by_key = {one.key: one for one in order.messages}
        self._at_close.update({key: by_key[key] for key in removal.pending})
        done = [by_key[key] for key in removal.done]
        if done:
            fp("K6")
            self._commit(done, was_changed=order.rule != AfterFetch.KEEP)
            how = "seen" if order.rule == AfterFetch.KEEP else str(order.rule)
            self.visit.log.acknowledged(len(done), how, clock.elapsed_ms(order.started))
        if removal.left:
            self.visit.log.left(len(removal.left), removal.note or "the server did not say why")
        elif removal.note:
            self.visit.log.complaint(removal.note)

    def _commit(self, done: Sequence[Pending], *, was_changed: bool) -> None:
        ids, now = [one.id for one in done], clock.utcnow()
        counts = self.visit.log.counts + Counts(acknowledged=len(done) if was_changed else 0)

        def note(session: Session) -> Written:
            note_acknowledged(session, ids, now)
            return self.visit.log.write(session, counts, ())

        self.visit.log.settled(self.visit.handles.database.writing(note))
        fp("K7")


def _by_rule(messages: Sequence[Pending]) -> dict[tuple[str, str], list[Pending]]:
    groups: dict[tuple[str, str], list[Pending]] = {}
    for one in messages:
        groups.setdefault((one.after_fetch, one.move_to), []).append(one)
    return groups
