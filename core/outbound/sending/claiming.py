"""Taking a batch of messages: who sends each is decided, and its turn reserved, in the transaction that takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session

from core.db.alike import database_time
from core.db.leases import Lease
from core.failpoints import fp
from core.handles import Handles
from core.mail.strict_address import needs_smtputf8
from core.models import Lane, OutgoingState
from core.outbound.decisions.outcome import TOO_LARGE, too_large_for_all
from core.outbound.decisions.pick import OUT_OF_RATE, Choice, Hop, NoMailbox, Wait, pick
from core.outbound.decisions.retry import is_expired, next_attempt_at
from core.outbound.decisions.roster import FromClass
from core.outbound.route import Route, Snapshot, load_snapshot
from core.outbound.sending.ended import Outcome, Terms, close_round, outcome_of, put_off
from core.outbound.sending.job import Job
from core.outbound.sending.rates import Line, Rates
from core.outbox.claim import bytes_of, lease_end, take
from core.outbox.due import Due, due_messages
from core.outbox.mailbox_news import write_rates, write_turns
from core.outbox.settle import RecipientResult, Settlement, TryMade, settle
from core.outbox.suppression import Held, held_among
from core.settings import RuntimeSettings

PASSED_OVER = "passed over"
"""The outcome of a turn that a mailbox could not take; not a try."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A batch in our hands, and what was over before it began."""

    jobs: list[Job] = field(default_factory=list)
    over: list[Outcome] = field(default_factory=list)
    routes: dict[int, Route] = field(default_factory=dict)
    now: datetime | None = None
    """When it was taken, by the database's time."""
    waiting: Mapping[Line, int] = field(default_factory=dict)
    """How many wait for a rate by now."""
    without_mailbox: int = 0
    """How many there is no mailbox for."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was due."""
        return not self.jobs and not self.over


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be taken."""

    limit: int
    lanes: Sequence[Lane] = tuple(Lane)
    pass_began: datetime | None = None
    """What was tried before is due only if it was so then; `None`: whenever its time has come."""
    waiting: Mapping[Line, int] = field(default_factory=dict)
    """How many wait for a rate already."""


def claim(handles: Handles, settings: RuntimeSettings, wanted: Wanted) -> Taken:
    """Take due messages, urgent ones first; commits before it returns."""

    def work(session: Session) -> Taken:
        now = database_time(session)
        due = due_messages(session, now, wanted.pass_began or now, wanted.limit, wanted.lanes)
        if not due:
            return Taken(now=now, waiting=wanted.waiting)
        snapshot = load_snapshot(session, is_claiming=True)
        leases = take(session, due, handles.worker_id, lease_end(now, handles.renewer.seconds))
        rates = Rates.beginning(snapshot.rates, now, wanted.waiting)
        terms = Terms(settings, snapshot.routes, handles.host, now)
        return _Batch(session, snapshot, rates, terms).dealt(due, leases)

    taken = handles.database.writing(work)
    fp("K10")
    return taken


class _Batch:
    """One batch while it is dealt to the mailboxes."""

    def __init__(self, session: Session, snapshot: Snapshot, rates: Rates, terms: Terms) -> None:
        self._session = session
        self._snapshot = snapshot
        self._rates = rates
        self._terms = terms
        self._now = terms.now
        self._turns: dict[int, int] = {}
        self._next_turn = snapshot.last_turn + 1
        self._jobs: list[Job] = []
        self._over: list[tuple[Job, Settlement]] = []
        self._without_mailbox = 0
        self._held: Mapping[str, Held] = {}

    def dealt(self, due: Sequence[Due], leases: dict[int, Lease]) -> Taken:
        """Deal all, write what is over already and whose turns were taken."""
        session = self._session
        self._held = held_among(session, (one.address for each in due for one in each.pending), self._now)
        for one in due:
            self._deal(one, leases[one.id])
        if self._over:
            settle(session, [settlement for _, settlement in self._over], (), self._now)
        write_turns(session, self._turns)
        write_rates(session, self._rates.written())
        over = [outcome_of(job, settlement, "") for job, settlement in self._over]
        routes = dict(self._snapshot.routes)
        return Taken(self._jobs, over, routes, self._now, self._rates.waiting, self._without_mailbox)

    def _deal(self, due: Due, lease: Lease) -> None:
        job = Job(due, lease, ())
        has_expired = is_expired(due.expires_at, self._now)
        if not has_expired:
            job.results = self._suppressed(due)
        if has_expired or not job.unanswered:
            self._close_untried(job)
            return
        chosen = self._chosen(due)
        if isinstance(chosen, Choice):
            job.hops, job.replace_from = chosen.hops, chosen.replace_from
            self._rates.take(chosen.hops[0].mailbox)
            job.may_come = any(hop.may_come for hop in chosen.passed_over)
            job.is_only_too_large = all(self._is_too_small(hop, due) for hop in chosen.passed_over)
            self._note_passed_over(job, chosen)
            self._jobs.append(job)
        elif isinstance(chosen, Wait) and self._may_wait(due):
            self._put_off(job, chosen)
        elif isinstance(chosen, NoMailbox) and chosen.is_too_large:
            self._fail(job, too_large_for_all(due.size, self._limits_of(chosen)))
        else:
            self._without_mailbox += isinstance(chosen, NoMailbox)
            job.tries.append(self._turn_try(job, None, "", OutgoingState.DEFERRED, chosen.why))
            self._close(job, chosen.why)

    def _put_off(self, job: Job, waiting: Wait) -> None:
        if waiting.rate_of is not None:
            self._rates.wait(waiting.rate_of, is_urgent=job.due.is_urgent)
        settlement = put_off(job, waiting.until, self._why(waiting))
        self._over.append((job, settlement))

    def _fail(self, job: Job, why: str) -> None:
        job.results = {one.id: RecipientResult(OutgoingState.FAILED, None, TOO_LARGE, why) for one in job.due.pending}
        job.tries.append(self._turn_try(job, None, "", OutgoingState.FAILED, why))
        self._close(job, why)

    def _is_too_small(self, hop: Hop, due: Due) -> bool:
        most = self._snapshot.roster.mailboxes[hop.mailbox].max_size
        return bool(most) and due.size > most

    def _limits_of(self, none: NoMailbox) -> dict[str, int]:
        passed_over = (self._snapshot.roster.mailboxes[hop.mailbox] for hop in none.passed_over)
        return {facts.name: facts.max_size for facts in passed_over if facts.max_size}

    def _suppressed(self, due: Due) -> dict[int, RecipientResult]:
        """The recipients that nothing is sent to; those a relay may have are asked for again, whoever they are."""
        return {
            one.id: RecipientResult(OutgoingState.HELD, text=str(held))
            for one in due.pending
            if one.state != OutgoingState.UNCERTAIN and (held := self._held.get(one.address.lower())) is not None
        }

    def _chosen(self, due: Due) -> Choice | Wait | NoMailbox:
        address = due.header_from or due.sender or ""
        if due.state == OutgoingState.UNCERTAIN and (again := self._same_mailbox(due, address)) is not None:
            # Never given to another relay: this one may have it already.
            return again
        before = self._greylisting_mailbox(due, address)
        if isinstance(before, Wait):
            return before
        chosen = pick(
            self._snapshot.roster,
            address,
            self._now,
            forced=due.mailbox_id,
            size=due.size,
            turns=self._turns,
            out_of_rate=self._rates.used_up(is_urgent=due.is_urgent),
            needs_utf8=self._needs_utf8(due),
        )
        if before is not None:
            others = chosen.hops if isinstance(chosen, Choice) else ()
            hops = (*before.hops, *(hop for hop in others if hop.mailbox != before.turn_of))
            return Choice(hops, before.turn_of, before.from_class, before.replace_from, chosen.passed_over)
        if isinstance(chosen, Choice) and due.mailbox_id is None:
            self._turns[chosen.turn_of] = self._next_turn
            self._next_turn += 1
        return chosen

    def _needs_utf8(self, due: Due) -> bool:
        """Whether nobody it goes to can be named without SMTPUTF8."""
        if redirect := self._terms.settings.staging_redirect:
            return needs_smtputf8(redirect)
        return all(needs_smtputf8(one.address) for one in due.pending)

    def _greylisting_mailbox(self, due: Due, address: str) -> Choice | Wait | None:
        """A recipient that was deferred waits for the same sender to come again: another one starts anew."""
        if not any(one.reply_code is not None and 400 <= one.reply_code < 500 for one in due.pending):
            return None
        again = self._same_mailbox(due, address)
        return again if isinstance(again, Choice) or (again is not None and again.rate_of is not None) else None

    def _same_mailbox(self, due: Due, address: str) -> Choice | Wait | None:
        """The mailbox that tried last and no other; `None` if it is gone."""
        mailbox = self._snapshot.roster.mailboxes.get(due.sent_by_id) if due.sent_by_id is not None else None
        if mailbox is None or not mailbox.can_send:
            return None
        if mailbox.cooling_until is not None and mailbox.cooling_until > self._now:
            return Wait(mailbox.cooling_until, f"{mailbox.name} cools down until {mailbox.cooling_until:%H:%M:%S} UTC")
        if (until := self._rates.used_up(is_urgent=due.is_urgent).get(mailbox.id)) is not None:
            return Wait(until, f"{mailbox.name} {OUT_OF_RATE}", rate_of=mailbox.id)
        from_class, _ = self._snapshot.roster.tiers_for(address.strip().lower())
        replaces = from_class is FromClass.NONE and due.mailbox_id is None
        return Choice((Hop(mailbox.id, "tried it before"),), mailbox.id, from_class, replaces)

    def _may_wait(self, due: Due) -> bool:
        """Waiting is no try; when its lifetime is over it must not wait for ever."""
        return next_attempt_at(due.attempts + 1, due.begun_at, self._now, self._terms.settings.retry) is not None

    def _close(self, job: Job, error: str) -> None:
        key = job.due.id
        settlement = close_round(job, error, self._terms, raw=lambda: bytes_of(self._session, [key])[key])
        self._over.append((job, settlement))

    def _close_untried(self, job: Job) -> None:
        settlement = close_round(job, job.due.last_error, self._terms)
        assert settlement.ending is not None
        settlement.ending = settlement.ending._replace(attempts=job.due.attempts)
        self._over.append((job, settlement))

    def _note_passed_over(self, job: Job, chosen: Choice) -> None:
        for hop in chosen.passed_over:
            facts = self._snapshot.roster.mailboxes[hop.mailbox]
            if hop.mailbox == chosen.turn_of and facts.cooling_until is not None and facts.cooling_until > self._now:
                why = self._with_reason(hop)
                job.tries.append(self._turn_try(job, hop.mailbox, facts.name, PASSED_OVER, why))

    def _with_reason(self, hop: Hop) -> str:
        reason = self._snapshot.routes[hop.mailbox].last_error
        return f"{hop.why}: {reason}" if reason and hop.may_come and hop.why != OUT_OF_RATE else hop.why

    def _why(self, waiting: Wait) -> str:
        names = self._snapshot.routes
        reasons = [f"{names[hop.mailbox].name} {self._with_reason(hop)}" for hop in waiting.passed_over]
        return "; ".join(reasons) or waiting.why

    def _turn_try(self, job: Job, mailbox_id: int | None, mailbox: str, outcome: str, text: str) -> TryMade:
        return TryMade(job.number, mailbox_id, mailbox, "", "turn", outcome, self._now, text=text)
