"""What a pass knows and writes: windows are settled here, counted and told."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from core import clock
from core.db.leases import Lease
from core.errors import StoreError
from core.failpoints import fp
from core.handles import Handles
from core.outbound.decisions.retry import cool_until
from core.outbound.limits import Learned
from core.outbound.route import Route
from core.outbound.sending.clerk import Clerk
from core.outbound.sending.ended import Outcome, Terms, close_round, closed_as_sent, held_because, outcome_of, put_off
from core.outbound.sending.job import Job
from core.outbound.sending.page import Page
from core.outbound.sending.pool import Pool
from core.outbound.sending.reserving import give_back as give_back_rates
from core.outbound.sending.summary import Summary
from core.outbound.sending.waiting_room import WaitingRoom
from core.outbox.claim import HandingOver, bytes_of, give_back, hand_over
from core.outbox.mailbox_news import MailboxNews
from core.outbox.settle import Settlement, settle
from core.settings import RuntimeSettings

_SETTLE_TRIES = 20
"""What a relay took must be written: a database that is away is waited for, so often for its patience."""

_TELL_EACH = 1.0
"""Seconds between two notes of a mailbox that goes on working."""


@dataclass(frozen=True, slots=True)
class _Written:
    """What a commit has come to."""

    ours: set[int]
    """The settled messages that were still ours."""
    raws: dict[int, bytes]
    """The marked ones."""


@dataclass(frozen=True, slots=True)
class _ComeTo:
    """What is to be told of a page that was written."""

    page: Page
    over: list[tuple[Job, Settlement]]
    finished: list[Job]
    """Messages that are not in our hands any more."""


def give_back_jobs(session: Session, jobs: Sequence[Job]) -> None:
    """An orderly stop: these are as if they had not been taken, and their mailboxes' rates neither."""
    give_back(session, [job.lease for job in jobs])
    give_back_rates(session, Counter(job.mailbox_id for job in jobs if job.mailbox_id is not None))


class Book:
    """Shared by all couriers of a pass."""

    def __init__(
        self,
        handles: Handles,
        settings: RuntimeSettings,
        *,
        room: WaitingRoom,
        pool: Pool,
        stop: threading.Event,
        log: Callable[[Outcome], None] | None,
        when_written: Callable[[], None],
    ) -> None:
        """`when_written` is called whenever pages are done with."""
        self.handles = handles
        self.room = room
        self.pool = pool
        self.host_mark = handles.mark
        """Names this machine in what leaves, for loop guards."""
        self.summary = Summary()
        self.error: BaseException | None = None
        """What ended the pass early."""
        self._settings = settings
        self._routes: dict[int, Route] = {}
        self._stop = stop
        self._has_ended = False
        self._log = log
        self._lock = threading.Lock()
        self._base = (clock.utcnow(), clock.monotonic())
        self._told: dict[int, float] = {}
        self._leases: set[Lease] = set()
        self._clerk = Clerk(self._commit, when_written, self.fail)
        self._learned = Learned()
        self.is_without_mailbox = False
        """Whether it was seen that a message has no mailbox, now or before."""

    @property
    def is_stopping(self) -> bool:
        """Whether no message is to be begun any more."""
        return self._stop.is_set() or self._has_ended or self.error is not None

    @property
    def now(self) -> datetime:
        """The database's time: as it was at the last claim, and what has passed since."""
        return self.time_of(clock.monotonic())

    def time_of(self, moment: float) -> datetime:
        """The same of a moment by the monotonic clock."""
        at, then = self._base
        return at + timedelta(seconds=moment - then)

    @property
    def staging_redirect(self) -> str:
        """Who gets all mail while a staging system is tried; empty: nobody."""
        return self._settings.staging_redirect

    @property
    def terms(self) -> Terms:
        """What the end of a round goes by."""
        return Terms(self._settings, self._routes, self.handles.host, self.now)

    def go_by(self, settings: RuntimeSettings) -> None:
        """From now on these settings hold; when all mail is to be held, no message is begun any more."""
        self._settings = settings
        self._has_ended = self._has_ended or settings.hold_all

    def claimed(self, jobs: Sequence[Job], routes: dict[int, Route], now: datetime) -> None:
        """Messages that are ours from now on, the mailboxes and the time as they were then."""
        self._routes = {**self._routes, **routes}
        self._base = (now, clock.monotonic())
        leases = [job.lease for job in jobs]
        self._leases.update(leases)
        self.handles.renewer.keep(*leases)

    def let_go(self, leases: Iterable[Lease]) -> None:
        """These are not renewed any more."""
        over = list(leases)
        self.handles.renewer.let_go(*over)
        self._leases.difference_update(over)

    def let_go_of_all(self) -> None:
        """The pass is over: what a fault has left in hand runs out and is found by the next one."""
        self.let_go(list(self._leases))

    def route_of(self, mailbox_id: int) -> Route:
        """A mailbox's way out."""
        return self._routes[mailbox_id]

    def most_recipients_of(self, mailbox_id: int) -> int:
        """The most recipients a mailbox's server takes in one transaction; 0: it has refused none."""
        return self._learned.most_recipients_of(self._routes[mailbox_id])

    def learn(
        self,
        mailbox_id: int,
        *,
        size: int | None = None,
        recipients: int | None = None,
        takes_utf8: bool | None = None,
    ) -> None:
        """What its server has just said; it is written with the next page."""
        self._learned.learn(self._routes[mailbox_id], size=size, recipients=recipients, takes_utf8=takes_utf8)

    def bytes_of(self, job: Job) -> bytes:
        """A message as it was handed in."""
        with self.handles.database.reading() as session:
            return bytes_of(session, [job.due.id])[job.due.id]

    def outlives(self, job: Job, seconds: float) -> bool:
        """Whether a message surely stays ours for so long."""
        return self.handles.renewer.outlives(job.lease, seconds)

    def fail(self, error: BaseException) -> None:
        """End the pass: what is in hand is left to its lease."""
        with self._lock:
            self.error = self.error or error

    def close(self, job: Job, raw: bytes, page: Page, now: datetime | None = None) -> None:
        """A message's round is over; its bytes, if they are at hand. Those of a window are over at one moment."""
        if job.is_sent_to_all:
            settlement = closed_as_sent(job, now or self.now)
        else:
            settlement = close_round(job, job.error, self.terms, raw=lambda: raw or self.bytes_of(job))
        page.over.append((job, settlement))

    def hold(self, job: Job, why: str, page: Page) -> None:
        """A message cannot leave as it is."""
        page.over.append((job, held_because(job, why, self.now)))

    def put_off(self, job: Job, until: datetime, why: str, page: Page) -> None:
        """A message goes on later; what it has come to so far is kept."""
        page.over.append((job, put_off(job, until, why)))

    def hand_in(self, page: Page) -> Page:
        """Have a page committed, with those of other couriers; whoever waits for it is told when it is done."""
        return self._clerk.hand_in(page)

    def close_pages(self) -> None:
        """No courier is there any more."""
        self._clerk.close()

    def _commit(self, pages: Sequence[Page]) -> Callable[[], None]:
        news = [each for page in pages for each in self._news(page)]
        settlements = [settlement for page in pages for _, settlement in (*page.over, *page.moved)]
        windows = [HandingOver(job.lease, page.mailbox_id, job.part) for page in pages for job in page.next_window]
        unbegun = [job for page in pages for job in page.unbegun]
        not_needed: Counter[int] = sum((Counter(page.not_needed) for page in pages), Counter())

        def work(session: Session) -> _Written:
            ours = settle(session, settlements, news, self.now)
            give_back_jobs(session, unbegun)
            give_back_rates(session, not_needed)
            marked = hand_over(session, windows)
            return _Written(ours, bytes_of(session, sorted(marked)))

        fp("K13")
        written = self._surely(work)
        if settlements:
            fp("K14")
        if windows:
            fp("K11")
        come_to = [self._come_to(page, written) for page in pages]
        return lambda: self._tell_of(come_to)

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """Count and tell what became of messages."""
        with self._lock:
            for outcome in outcomes:
                self.summary.count(outcome.state)
                if self._log is not None:
                    self._log(outcome)

    def _news(self, page: Page) -> list[MailboxNews]:
        mailbox_id = page.mailbox_id
        route = self._routes[mailbox_id]
        has_learned = self._learned.has_news(mailbox_id)
        if page.fault is not None:
            failures = route.failures + 1
            with self._lock:
                self.summary.faults[route.name] = page.fault
            until = cool_until(failures, self.now)
            return [self._learned.told_with(MailboxNews(mailbox_id, failures, until, page.fault.text))]
        with self._lock:
            is_told = clock.monotonic() - self._told.get(mailbox_id, -_TELL_EACH) < _TELL_EACH
            if not has_learned and (is_told or not page.has_worked):
                return []
            if page.has_worked:
                self._told[mailbox_id] = clock.monotonic()
        return [self._learned.told_with(MailboxNews(mailbox_id, has_sent=page.has_worked))]

    def _surely(self, work: Callable[[Session], _Written]) -> _Written:
        for left in reversed(range(_SETTLE_TRIES)):
            try:
                return self.handles.database.writing(work)
            except StoreError as error:
                if error.is_permanent or not left or self._stop.wait(0.5):
                    raise
        raise AssertionError

    def _come_to(self, page: Page, written: _Written) -> _ComeTo:
        """What a page came to; its courier goes on with what the page holds now, and what waits in the room."""
        ours = written.ours
        page.raws = {job.due.id: written.raws[job.due.id] for job in page.next_window if job.due.id in written.raws}
        going_on = [job for job, _ in page.moved if job.due.id in ours]
        gone = [job for job, _ in page.moved if job.due.id not in ours] + page.lost + page.unbegun
        gone += [job for job in page.next_window if job.due.id not in page.raws]
        page.next_window = [job for job in page.next_window if job.due.id in page.raws]
        over = [(job, one) for job, one in page.over if job.due.id in ours]
        self.room.put(going_on)
        return _ComeTo(page, over, [job for job, _ in page.over] + gone)

    def _tell_of(self, come_to: Sequence[_ComeTo]) -> None:
        """What nobody waits for any more: the couriers hand over their next windows meanwhile."""
        finished = [job for one in come_to for job in one.finished]
        self.let_go([job.lease for job in finished])
        for one in come_to:
            name = self._routes[one.page.mailbox_id].name
            self.tell([outcome_of(job, settlement, name) for job, settlement in one.over])
        self.room.done(len(finished))
        if any(one.page.over for one in come_to):
            self.handles.changes.moved("outbox")
        if any(one.page.fault is not None for one in come_to):
            self.handles.changes.moved("mailbox")
