"""Taking a batch of messages: who sends each is decided, and its turn reserved, in the transaction that takes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlmodel import Session

from core.db.leases import Lease
from core.failpoints import fp
from core.handles import Handles
from core.models import OutgoingState
from core.outbound.ended import Delivery, Terms, close_round, delivery_of
from core.outbound.job import Job
from core.outbound.outcome import wait_until
from core.outbound.pick import Choice, Hop, NoMailbox, Wait, pick
from core.outbound.retry import is_expired, next_attempt_at
from core.outbound.roster import FromClass
from core.outbound.route import Route, Snapshot, load_snapshot
from core.outbox.claim import Due, due_messages, lease_end, take, time_of
from core.outbox.settle import RecipientResult, Settlement, TryMade, settle, write_turns
from core.settings import RuntimeSettings

PASSED_OVER = "passed over"
"""The outcome of a turn that a mailbox could not take; not a try."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A batch in our hands, and what was over before it began."""

    jobs: list[Job] = field(default_factory=list)
    over: list[Delivery] = field(default_factory=list)
    routes: dict[int, Route] = field(default_factory=dict)
    now: datetime | None = None
    """When it was taken, by the database's time."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was due."""
        return not self.jobs and not self.over


def claim(handles: Handles, settings: RuntimeSettings, pass_began: datetime | None, limit: int) -> Taken:
    """Take up to so many due messages, urgent ones first; commits before it returns."""

    def work(session: Session) -> Taken:
        now = time_of(session)
        due = due_messages(session, now, pass_began or now, limit)
        if not due:
            return Taken(now=now)
        snapshot = load_snapshot(session, is_claiming=True)
        leases = take(session, due, handles.worker_id, lease_end(now, handles.renewer.seconds))
        return _Batch(handles, settings, snapshot, now).dealt(session, due, leases)

    taken = handles.database.writing(work)
    fp("K10")
    return taken


class _Batch:
    """One batch while it is dealt to the mailboxes."""

    def __init__(self, handles: Handles, settings: RuntimeSettings, snapshot: Snapshot, now: datetime) -> None:
        self._snapshot = snapshot
        self._now = now
        self._terms = Terms(settings, snapshot.routes, handles.host, now)
        self._turns: dict[int, int] = {}
        self._next_turn = snapshot.last_turn + 1
        self._jobs: list[Job] = []
        self._over: list[tuple[Job, Settlement]] = []

    def dealt(self, session: Session, due: Sequence[Due], leases: dict[int, Lease]) -> Taken:
        """Deal all, write what is over already and whose turns were taken."""
        for one in due:
            self._deal(one, leases[one.id])
        if self._over:
            settle(session, [settlement for _, settlement in self._over], (), self._now)
        write_turns(session, self._turns)
        over = [delivery_of(job, settlement, "") for job, settlement in self._over]
        return Taken(self._jobs, over, dict(self._snapshot.routes), self._now)

    def _deal(self, due: Due, lease: Lease) -> None:
        job = Job(due, lease, ())
        if is_expired(due.expires_at, self._now):
            settlement = close_round(job, due.last_error, self._terms)
            assert settlement.ending is not None
            settlement.ending = replace(settlement.ending, attempts=due.attempts)  # it was not tried
            self._over.append((job, settlement))
            return
        chosen = self._chosen(due)
        if isinstance(chosen, Choice):
            job.hops, job.replace_from = chosen.hops, chosen.replace_from
            self._note_passed_over(job, chosen)
            self._jobs.append(job)
        elif isinstance(chosen, Wait) and self._may_wait(due):
            why = self._why(chosen)
            # Who was deferred by his own server keeps its reply: it tells who must come again.
            job.results = {
                one.id: RecipientResult(OutgoingState.DEFERRED, text=why)
                for one in due.pending
                if one.state == OutgoingState.QUEUED
            }
            settlement = job.settlement()
            settlement.ending = wait_until(due, chosen.until, why)
            self._over.append((job, settlement))
        else:
            job.tries.append(self._turn_try(job, None, "", OutgoingState.DEFERRED, chosen.why))
            self._close(job, chosen.why)

    def _chosen(self, due: Due) -> Choice | Wait | NoMailbox:
        address = due.header_from or due.sender or ""
        if due.state == OutgoingState.UNCERTAIN and (again := self._same_mailbox(due, address)) is not None:
            # Never given to another relay: this one may have it already.
            return again
        before = self._greylisting_mailbox(due, address)
        chosen = pick(
            self._snapshot.roster, address, self._now, forced=due.mailbox_id, size=due.size, turns=self._turns
        )
        if before is not None:
            others = chosen.hops if isinstance(chosen, Choice) else ()
            hops = (*before.hops, *(hop for hop in others if hop.mailbox != before.turn_of))
            return Choice(hops, before.turn_of, before.from_class, before.replace_from)
        if isinstance(chosen, Choice) and due.mailbox_id is None:
            self._turns[chosen.turn_of] = self._next_turn
            self._next_turn += 1
        return chosen

    def _greylisting_mailbox(self, due: Due, address: str) -> Choice | None:
        """A recipient that was deferred waits for the same sender to come again: another one starts anew."""
        if not any(one.reply_code is not None and 400 <= one.reply_code < 500 for one in due.pending):
            return None
        again = self._same_mailbox(due, address)
        return again if isinstance(again, Choice) else None

    def _same_mailbox(self, due: Due, address: str) -> Choice | Wait | None:
        """The mailbox that tried last and no other; `None` if it is gone."""
        mailbox = self._snapshot.roster.mailboxes.get(due.sent_by_id) if due.sent_by_id is not None else None
        if mailbox is None or not mailbox.can_send:
            return None
        if mailbox.cooling_until is not None and mailbox.cooling_until > self._now:
            return Wait(mailbox.cooling_until, f"{mailbox.name} cools down until {mailbox.cooling_until:%H:%M:%S}")
        from_class, _ = self._snapshot.roster.tiers_for(address.strip().lower())
        replaces = from_class is FromClass.NONE and due.mailbox_id is None
        return Choice((Hop(mailbox.id, "tried it before"),), mailbox.id, from_class, replaces)

    def _may_wait(self, due: Due) -> bool:
        """Waiting is no try; when its lifetime is over it must not wait for ever."""
        return next_attempt_at(due.attempts + 1, due.created_at, self._now, self._terms.rule) is not None

    def _close(self, job: Job, error: str) -> None:
        settlement = close_round(job, error, self._terms)
        self._over.append((job, settlement))

    def _note_passed_over(self, job: Job, chosen: Choice) -> None:
        for hop in chosen.passed_over:
            facts = self._snapshot.roster.mailboxes[hop.mailbox]
            if hop.mailbox == chosen.turn_of and facts.cooling_until is not None and facts.cooling_until > self._now:
                why = self._with_reason(hop)
                job.tries.append(self._turn_try(job, hop.mailbox, facts.name, PASSED_OVER, why))

    def _with_reason(self, hop: Hop) -> str:
        reason = self._snapshot.routes[hop.mailbox].last_error
        return f"{hop.why}: {reason}" if reason else hop.why

    def _why(self, waiting: Wait) -> str:
        names = self._snapshot.routes
        reasons = [f"{names[hop.mailbox].name} {self._with_reason(hop)}" for hop in waiting.passed_over]
        return "; ".join(reasons) or waiting.why

    def _turn_try(self, job: Job, mailbox_id: int | None, mailbox: str, outcome: str, text: str) -> TryMade:
        return TryMade(job.number, mailbox_id, mailbox, "", "turn", outcome, self._now, text=text)
