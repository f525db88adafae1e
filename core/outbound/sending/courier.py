"""One connection at work: takes its mailbox's messages a window at a time until none waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from core.errors import ScriptFailed, UnsafeMessage
from core.models import OutgoingState
from core.outbound.decisions.provider_words import is_about_connections
from core.outbound.sending.book import Book
from core.outbound.sending.errand import aside
from core.outbound.sending.fault import Fault
from core.outbound.sending.job import Job
from core.outbound.sending.onward import move_on
from core.outbound.sending.page import Page
from core.outbound.sending.parcel import Packing
from core.outbound.sending.relay import Relay
from core.outbound.sending.rota import Course, Steps
from core.outbound.sending.waiting_room import WINDOW
from core.outbound.sending.window import Window
from core.outbox.settle import TryMade
from core.protocols.server import Timeouts

AHEAD = 2
"""Windows of one connection that are marked, or being so, at a time."""


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
        self._learn_limits()
        return (yield from self._with_next(Page(self._mailbox_id), taken))

    def _is_not_wanted(self) -> Steps[bool]:
        """Whether the relay takes no further connection: another one sends what is urgent after its next message."""
        fault = yield from self._relay.connecting()
        return fault is not None and self._room.fewer(self._mailbox_id, is_urgent=True)

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
        window = Window(self._book, self._route, self._relay, self._packing, marked)
        if (fault := (yield from window.submitting())) is not None:
            if self._is_one_too_many(window, fault):
                window.page.moved += [(job, job.settlement()) for job in window.unbegun]
            else:
                yield from self._goes_down(fault, window.unbegun, window.page)
        elif self._fault is None and self._relay.is_ready and not self._book.is_stopping:
            yield from self._with_next(window.page, self._taken())
        return window.page

    def _is_one_too_many(self, window: Window, fault: Fault) -> bool:
        """Whether it is this connection alone that the relay does not want: what is left leaves by the others."""
        is_refused = not window.is_without_connection and is_about_connections(fault.text)
        if not (window.is_without_connection or is_refused):
            return False
        if not self._room.fewer(self._mailbox_id, is_urgent=self._only_urgent):
            return False
        if is_refused:
            self._fault = fault  # it would be told so with each message
        return True

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
        if self._room.fewer(self._mailbox_id, is_urgent=self._only_urgent):
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
