"""A window at work: messages that are marked as being handed over are submitted one after the other, then noted."""

from __future__ import annotations

from collections import deque
from functools import partial

from core.errors import UnsafeMessage
from core.outbound.decisions.pick import OUT_OF_RATE
from core.outbound.route import Route
from core.outbound.sending.book import Book
from core.outbound.sending.errand import aside
from core.outbound.sending.fault import Fault
from core.outbound.sending.handed import Handed
from core.outbound.sending.job import Job
from core.outbound.sending.noting import note
from core.outbound.sending.onward import to_the_next
from core.outbound.sending.page import Page
from core.outbound.sending.parcel import Packing, Parcel
from core.outbound.sending.relay import LARGE, Relay
from core.outbound.sending.reserving import Reserve
from core.outbound.sending.rota import Steps

SURE = 5.0
"""Seconds that a lease must still last before a message is begun."""


class Window:
    """The messages of one marked page, handed over by one connection; used once."""

    def __init__(self, book: Book, route: Route, relay: Relay, packing: Packing, marked: Page) -> None:
        self.page = Page(route.mailbox_id, follows_window=True)
        """What came of it."""
        self.unbegun: list[Job] = []
        """Those whose turn did not come, since the mailbox cannot go on."""
        self.is_without_connection = False
        """Whether the relay, which had ended the connection, takes no other: what is unbegun may leave by others'."""
        self._book = book
        self._route = route
        self._relay = relay
        self._packing = packing
        self._marked = marked
        self._left: deque[Parcel] = deque()
        self._taken: list[Handed[Parcel]] = []

    def submitting(self) -> Steps[Fault | None]:
        """Hand over; gives back what keeps the mailbox from going on."""
        yield from self._pack()
        fault = None
        parcel = self._next()
        while parcel is not None:
            # Chosen before its turn, so that its envelope can go with the dot of the one before it.
            following = self._next()
            if (fault := (yield from self._carry(parcel, following))) is not None:
                self.unbegun += [each.job for each in (following, *self._left) if each is not None]
                break
            parcel = following
        self._note_taken()
        return fault

    def _pack(self) -> Steps[None]:
        """Make the messages ready to leave.

        Together: what is done once for each of many, with much else between, takes twice as long.
        """
        for job in self._marked.next_window:
            raw = self._marked.raws[job.due.id]
            if len(raw) < LARGE:
                parcel = self._packed(job, raw)
            else:
                parcel = yield from aside(partial(self._packed, job, raw))
            if parcel is not None:
                self._left.append(parcel)

    def _packed(self, job: Job, raw: bytes) -> Parcel | None:
        try:
            parcel = self._packing.pack(job, raw)
        except UnsafeMessage as problem:
            self._book.hold(job, str(problem), self.page)
            return None
        self._relay.prepare(parcel)
        return parcel

    def _next(self) -> Parcel | None:
        """The next message; `None`: no more of it leave now, and the page says why."""
        while self._left:
            if self._book.is_stopping:
                self.page.unbegun += [each.job for each in self._left]
                break
            if self._must_make_way(self._left[0].job):
                self.page.moved += [(each.job, each.job.settlement()) for each in self._left]
                break
            parcel = self._left.popleft()
            if self._book.outlives(parcel.job, SURE):
                return parcel
            self.page.lost.append(parcel.job)
        self._left.clear()
        return None

    def _must_make_way(self, job: Job) -> bool:
        """Whether something urgent has come that no other connection has taken yet."""
        return not job.due.is_urgent and self._book.room.is_pressed(self._route.mailbox_id)

    def _carry(self, parcel: Parcel, following: Parcel | None) -> Steps[Fault | None]:
        """Submit one message and note what came of it; gives back what keeps the mailbox from going on.

        One that was simply taken, as most are, is noted together with the others of its window.
        """
        job, page = parcel.job, self.page
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
            self.is_without_connection = True
            self.unbegun.append(job)
            return handed
        if handed.is_taken_by_all and job.is_in_hand_whole:
            self._taken.append(handed)
            return None
        sent = note(self._book, handed, self._route, page, self._relay.size_limit or 0)
        bcc_left = job.bcc_of(parcel.bcc) if sent.reading.most_recipients else ()
        if not (job.unanswered or bcc_left) or sent.result.uncertain:
            self._book.close(job, parcel.raw, page)
        elif sent.reading.blame or not sent.reading.results or not (job.nameable or bcc_left):
            yield from aside(partial(to_the_next, self._book, [job], parcel.raw, page))
        else:
            yield from self._go_on(job)
        return sent.fault

    def _go_on(self, job: Job) -> Steps[None]:
        """The rest of the recipients, in another transaction of the same mailbox, once this one is written."""
        if self._route.has_rate:
            take = partial(Reserve(self._book.handles).take, self._route.mailbox_id, is_urgent=job.due.is_urgent)
            if (until := (yield from aside(take))) is not None:
                self._book.put_off(job, until, f"{self._route.name} {OUT_OF_RATE}", self.page)
                return
        self.page.moved.append((job, job.settlement()))

    def _note_taken(self) -> None:
        now = self._book.now
        for handed in self._taken:
            note(self._book, handed, self._route, self.page, self._relay.size_limit or 0)
            self._book.close(handed.parcel.job, handed.parcel.raw, self.page, now)
