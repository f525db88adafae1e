"""One connection at work: takes its mailbox's messages a window at a time until none waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from core.errors import ScriptFailed, UnsafeMessage
from core.models import OutgoingState
from core.outbound.book import Book
from core.outbound.errand import aside
from core.outbound.fault import Fault
from core.outbound.handed import Handed
from core.outbound.job import Job
from core.outbound.noting import note
from core.outbound.onward import move_on, to_the_next
from core.outbound.page import Page
from core.outbound.parcel import Packing, Parcel
from core.outbound.pick import OUT_OF_RATE
from core.outbound.relay import LARGE, Relay
from core.outbound.reserving import Reserve
from core.outbound.rota import Course, Steps
from core.outbound.waiting_room import WINDOW
from core.outbox.settle import TryMade
from core.protocols.server import Timeouts

AHEAD = 2
"""Windows of one connection that are marked, or being so, at a time."""

SURE = 5.0
"""Seconds that a lease must still last before a message is begun."""


class Courier:
    """Serves one mailbox over one connection, in steps: `course` is taken by the pass's `Rota`."""

    def __init__(self, book: Book, mailbox_id: int, timeouts: Timeouts, *, only_urgent: bool = False) -> None:
        self._only_urgent = only_urgent
        self._book = book
        self._room = book.room
        self._mailbox_id = mailbox_id
        self._route = book.route_of(mailbox_id)
        self._relay = Relay(book.handles, self._route, book.pool, timeouts)
        self._packing = Packing(book, self._route, self._relay)
        self._fault: Fault | None = None

    def course(self) -> Course:
        """Work until nothing waits; what goes wrong beyond messages and mailboxes ends the pass."""
        pages: deque[Page] = deque()
        try:
            yield from self._work(pages)
            yield from aside(self._relay.rest)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for the pass
            self._relay.drop()
            self._book.fail(error)
        for page in pages:
            yield page
            # These were not begun, whether they are marked or not: the pass gives them back.
            self._room.put(page.next_window)
        self._room.left(self._mailbox_id, is_urgent=self._only_urgent)

    def _work(self, pages: deque[Page]) -> Steps[None]:
        """Two windows take turns: while one is being handed over, what came of the other is written."""
        if (fault := self._room.fault_of(self._mailbox_id)) is not None:
            yield from self._pass_on(fault)
            return
        if self._only_urgent and (yield from self._is_not_wanted()):
            return
        while True:
            while len(pages) < AHEAD and (opened := (yield from self._opened())) is not None:
                pages.append(self._book.hand_in(opened))
            if not pages:
                return
            marked = pages[0]
            yield marked
            marked.check_written()
            pages.popleft()
            if marked.next_window:
                page = yield from self._hand_over(marked)
                is_urgent = any(job.due.is_urgent for job in page.next_window)
                pages.insert(0 if is_urgent else len(pages), self._book.hand_in(page))

    def _opened(self) -> Steps[Page | None]:
        """The next messages, with a connection there, to be marked; none when none wait."""
        if self._fault is not None or self._book.is_stopping or not (taken := self._taken()):
            return None
        if (fault := (yield from self._relay.connecting())) is not None:
            yield from self._cannot(taken, fault)
            return None
        self._room.works(self._mailbox_id)
        self._learn_limits()
        return (yield from self._with_next(Page(self._mailbox_id), taken))

    def _is_not_wanted(self) -> Steps[bool]:
        """Whether the relay takes no further connection: another one sends what is urgent after its next message."""
        fault = yield from self._relay.connecting()
        return fault is not None and self._room.is_served(self._mailbox_id)

    def _taken(self) -> list[Job]:
        most = 1 if self._has_script else WINDOW
        return self._room.take(self._mailbox_id, only_urgent=self._only_urgent, most=most)

    def _with_next(self, page: Page, taken: list[Job]) -> Steps[Page]:
        """The page with these to be marked: whom each goes to is chosen, and where there is a script, it has run.

        So whoever is lost while a script runs was not handing anything over.
        """
        for job in taken:
            job.take_in_hand(0 if self._book.staging_redirect else self._book.most_recipients_of(self._mailbox_id))
            if not self._has_script or (yield from aside(partial(self._is_scripted, job, page))):
                page.next_window.append(job)
        return page

    @property
    def _has_script(self) -> bool:
        return bool(self._route.identity.mime_script)

    def _is_scripted(self, job: Job, page: Page) -> bool:
        started_at, raw = self._book.now, self._book.bytes_of(job)
        try:
            job.composed = self._packing.composed(job, raw)
        except UnsafeMessage as problem:
            self._book.hold(job, str(problem), page)
        except ScriptFailed as problem:
            self._deferred(job, raw, str(problem), started_at, page)
        return job.composed is not None

    def _learn_limits(self) -> None:
        if (limit := self._relay.size_limit) is not None:
            utf8, most = self._relay.offers("SMTPUTF8"), self._relay.recipients_limit
            self._book.learn(self._mailbox_id, size=limit, recipients=most, takes_utf8=utf8)

    def _hand_over(self, marked: Page) -> Steps[Page]:
        """Submit a marked window; the page says what came of it, and holds the next one, to be marked with that."""
        page = Page(self._mailbox_id, follows_window=True)
        left = yield from self._packed(marked, page)
        taken: list[Handed[Parcel]] = []
        parcel = self._next_of(left, page)
        while parcel is not None:
            # Chosen before its turn, so that its envelope can go with the dot of the one before it.
            following = self._next_of(left, page)
            if (fault := (yield from self._carry(parcel, following, taken, page))) is not None:
                rest = [each.job for each in (following, *left) if each is not None]
                yield from self._goes_down(fault, rest, page)
                break
            parcel = following
        now = self._book.now
        for handed in taken:
            note(self._book, handed, self._route, page, self._relay.size_limit or 0)
            self._book.close(handed.parcel.job, handed.parcel.raw, page, now)
        if self._fault is None and self._relay.is_ready and not self._book.is_stopping:
            yield from self._with_next(page, self._taken())
        return page

    def _packed(self, marked: Page, page: Page) -> Steps[deque[Parcel]]:
        """A window's messages, ready to leave.

        Together: what is done once for each of many, with much else between, takes twice as long.
        """
        parcels: deque[Parcel] = deque()
        for job in marked.next_window:
            raw = marked.raws[job.due.id]
            if len(raw) < LARGE:
                parcel = self._packed_one(job, raw, page)
            else:
                parcel = yield from aside(partial(self._packed_one, job, raw, page))
            if parcel is not None:
                parcels.append(parcel)
        return parcels

    def _packed_one(self, job: Job, raw: bytes, page: Page) -> Parcel | None:
        try:
            parcel = self._packing.pack(job, raw)
        except UnsafeMessage as problem:
            self._book.hold(job, str(problem), page)
            return None
        self._relay.prepare(parcel)
        return parcel

    def _next_of(self, left: deque[Parcel], page: Page) -> Parcel | None:
        """The next message of a window; `None`: no more of it leave now, and the page says why."""
        while left:
            if self._book.is_stopping:
                page.unbegun += [each.job for each in left]
                break
            if self._must_make_way(left[0].job):
                page.moved += [(each.job, each.job.settlement()) for each in left]
                break
            parcel = left.popleft()
            if self._book.outlives(parcel.job, SURE):
                return parcel
            page.lost.append(parcel.job)
        left.clear()
        return None

    def _must_make_way(self, job: Job) -> bool:
        """Whether something urgent has come that no other connection has taken yet."""
        return not job.due.is_urgent and self._room.is_pressed(self._mailbox_id)

    def _carry(
        self, parcel: Parcel, following: Parcel | None, taken: list[Handed[Parcel]], page: Page
    ) -> Steps[Fault | None]:
        """Submit one message and note what came of it; gives back what keeps the mailbox from going on.

        One that was simply taken, as most are, is noted together with the others of its window.
        """
        job = parcel.job
        if not self._book.outlives(job, SURE):
            # The message before it may have taken long.
            page.lost.append(job)
            return None
        try:
            handed = yield from self._relay.submitting(parcel, following)
        except UnsafeMessage as problem:
            self._book.hold(job, str(problem), page)
            return None
        if isinstance(handed, Fault):
            yield from self._move_on([job], handed, page)
            return handed
        if handed.is_taken_by_all and job.is_in_hand_whole:
            taken.append(handed)
            return None
        sent = note(self._book, handed, self._route, page, self._relay.size_limit or 0)
        bcc_left = job.bcc_of(parcel.bcc) if sent.reading.most_recipients else ()
        if not (job.unanswered or bcc_left) or sent.result.uncertain:
            self._book.close(job, parcel.raw, page)
        elif sent.reading.blame or not sent.reading.results or not (job.nameable or bcc_left):
            yield from aside(lambda: to_the_next(self._book, [job], parcel.raw, page))
        else:
            yield from self._go_on(job, page)
        return sent.fault

    def _go_on(self, job: Job, page: Page) -> Steps[None]:
        """The rest of the recipients, in another transaction of the same mailbox, once this one is written."""
        if self._route.has_rate:
            reserve = Reserve(self._book.handles)
            until = yield from aside(lambda: reserve.take(self._mailbox_id, is_urgent=job.due.is_urgent))
            if until is not None:
                self._book.put_off(job, until, f"{self._route.name} {OUT_OF_RATE}", page)
                return
        page.moved.append((job, job.settlement()))

    def _deferred(self, job: Job, raw: bytes, why: str, started_at: datetime, page: Page) -> None:
        """The mailbox's script failed: another mailbox would send it as nobody meant it, so it waits."""
        handles, route = self._book.handles, self._route
        outcome = OutgoingState.DEFERRED
        tried = TryMade(job.number, route.mailbox_id, route.name, handles.host, "script", outcome, started_at, text=why)
        job.tries.append(tried)
        job.error, job.sent_by_id = why, route.mailbox_id
        self._book.close(job, raw, page)

    def _cannot(self, taken: list[Job], fault: Fault) -> Steps[None]:
        """There is no connection for these."""
        if self._room.fewer(self._mailbox_id):
            self._room.put(taken)
            return
        page = Page(self._mailbox_id)
        yield from self._goes_down(fault, taken, page)
        yield self._book.hand_in(page)
        page.check_written()

    def _goes_down(self, fault: Fault, jobs: Sequence[Job], page: Page) -> Steps[None]:
        """The mailbox cools down; these, and all that wait for it, go on to the next."""
        yield from self._move_on(jobs, fault, page)
        self._fault = fault
        self._room.went_down(self._mailbox_id, fault)
        yield from self._move_on(self._room.drain(self._mailbox_id), fault, page)
        page.fault = fault

    def _pass_on(self, fault: Fault) -> Steps[None]:
        """Messages that were on their way here when the mailbox went down: nobody else looks after them."""
        page = Page(self._mailbox_id)
        yield from self._move_on(self._room.drain(self._mailbox_id), fault, page)
        yield self._book.hand_in(page)
        page.check_written()

    def _move_on(self, jobs: Sequence[Job], fault: Fault, page: Page) -> Steps[None]:
        if jobs:
            yield from aside(lambda: move_on(self._book, self._route, list(jobs), fault, page))
