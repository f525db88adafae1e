"""One connection at work: takes its mailbox's messages a window at a time until none waits."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import datetime

from core.errors import ScriptFailed, UnsafeMessage
from core.models import OutgoingState
from core.outbound.book import Book, Page
from core.outbound.claiming import PASSED_OVER
from core.outbound.compose import Composed, Envelope, compose
from core.outbound.job import Job
from core.outbound.outcome import Reading
from core.outbound.relay import Fault, Relay, Sent
from core.outbound.script_step import apply_script
from core.outbox.settle import TryMade
from core.protocols.server import Timeouts

_log = logging.getLogger("postroom.sender")

SURE = 5.0
"""Seconds that a lease must still last before a message is begun."""


class Courier(threading.Thread):
    """Serves one mailbox over one connection."""

    def __init__(self, book: Book, mailbox_id: int, timeouts: Timeouts) -> None:
        super().__init__(name=f"courier-{mailbox_id}", daemon=True)
        self._book = book
        self._room = book.room
        self._mailbox_id = mailbox_id
        self._route = book.route_of(mailbox_id)
        self._relay = Relay(book.handles, self._route, book.pool, timeouts)

    def run(self) -> None:
        """Work until nothing waits; what goes wrong beyond messages and mailboxes ends the pass."""
        try:
            window = self._next_window()
            while window.next_window:
                window = self._hand_over(window)
                if not window.next_window:
                    window = self._next_window()
            self._relay.rest()
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for the pass
            self._relay.drop()
            self._book.fail(error)
        finally:
            self._room.left(self._mailbox_id)

    def _next_window(self) -> Page:
        """The next messages, with a connection there and their mark committed; an empty page when there are none."""
        while not self._book.is_stopping and (taken := self._room.take(self._mailbox_id)):
            fault = self._relay.connect()
            if fault is not None:
                self._cannot(taken, fault)
                break
            page = Page(next_window=taken)
            self._book.write(page, self._mailbox_id)
            if page.next_window:
                return page
        return Page()

    def _hand_over(self, marked: Page) -> Page:
        """Submit a marked window and settle it; the page holds the next one, marked in the same commit."""
        window = marked.next_window
        page = Page()
        for position, job in enumerate(window):
            if self._book.is_stopping:
                page.unbegun += window[position:]
                break
            if not self._book.outlives(job, SURE):
                page.lost.append(job)
                continue
            fault = self._carry(job, marked.raws[job.due.id], page)
            if fault is not None:
                self._move_on(window[position + 1 :], fault, page)
                self._goes_down(fault, page)
                break
        if page.fault is None and self._relay.is_ready and not self._book.is_stopping:
            page.next_window = self._room.take(self._mailbox_id)
        self._book.write(page, self._mailbox_id)
        return page

    def _carry(self, job: Job, raw: bytes, page: Page) -> Fault | None:
        """Submit one message and note what came of it; gives back what keeps the mailbox from going on."""
        started_at = self._book.now
        try:
            composed = self._composed(job, raw)
            if not self._book.outlives(job, SURE):
                # A script may have taken long.
                page.lost.append(job)
                return None
            addresses, bcc = self._addresses(job, composed)
            sent = self._relay.submit(composed, (*addresses, *bcc))
        except UnsafeMessage as problem:
            self._book.hold(job, str(problem), page)
            return None
        except ScriptFailed as problem:
            self._deferred(job, raw, str(problem), started_at, page)
            return None
        if isinstance(sent, Fault):
            self._move_on([job], sent, page)
            return sent
        job.sent_by_id = self._mailbox_id
        job.tries.append(sent.as_try(job, self._route, started_at))
        self._note(job, sent, addresses, bcc, page)
        if not job.unanswered or sent.result.uncertain:
            self._book.close(job, raw, page)
        else:
            self._to_the_next(job, raw, page)
        return _fault_of(sent)

    def _composed(self, job: Job, raw: bytes) -> Composed:
        try:
            composed = compose(
                raw,
                self._route.identity,
                Envelope(job.due.sender, tuple(one.address for one in job.unanswered)),
                message_id=job.due.message_id,
                now=self._book.now,
                host_mark=self._book.host_mark,
                replace_from=job.replace_from,
                token=str(job.due.id),
            )
            return apply_script(composed, job, self._route, self._book)
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            # A message that our own code stumbles over must not stop all others, pass after pass.
            _log.exception("message %d could not be dressed for sending", job.due.id)
            raise UnsafeMessage(f"The message was not sent: it could not be read ({type(error).__name__}).") from error

    def _deferred(self, job: Job, raw: bytes, why: str, started_at: datetime, page: Page) -> None:
        """The mailbox's script failed: another mailbox would send it as nobody meant it, so it waits."""
        handles, route = self._book.handles, self._route
        outcome = OutgoingState.DEFERRED
        tried = TryMade(job.number, route.mailbox_id, route.name, handles.host, "script", outcome, started_at, text=why)
        job.tries.append(tried)
        job.error, job.sent_by_id = why, route.mailbox_id
        self._book.close(job, raw, page)

    def _addresses(self, job: Job, composed: Composed) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Whom it goes to: the recipients, or the one who gets all mail while a staging system is tried."""
        redirect = self._book.terms.settings.staging_redirect
        return ((redirect,), ()) if redirect else (composed.envelope.recipients, job.bcc_of(composed.bcc))

    def _note(self, job: Job, sent: Sent, addresses: Sequence[str], bcc: Sequence[str], page: Page) -> None:
        if sent.result.taken:
            page.has_worked = True
            self._room.works(self._mailbox_id)
        job.error = sent.reading.blame or job.error
        is_redirected = bool(self._book.terms.settings.staging_redirect)
        for one in job.unanswered:
            answer = sent.reading.results.get(addresses[0] if is_redirected else one.address)
            if answer is not None:
                job.results[one.id] = answer
        _note_bcc(job, bcc, sent.reading)

    def _cannot(self, taken: list[Job], fault: Fault) -> None:
        """There is no connection for these."""
        if self._room.fewer(self._mailbox_id):
            self._room.put(taken)
            return
        page = Page()
        self._move_on(taken, fault, page)
        self._goes_down(fault, page)
        self._book.write(page, self._mailbox_id)

    def _goes_down(self, fault: Fault, page: Page) -> None:
        """The mailbox cools down; all that wait for it go on to the next."""
        self._room.went_down(self._mailbox_id, fault.text)
        self._move_on(self._room.drain(self._mailbox_id), fault, page)
        page.fault = fault

    def _move_on(self, jobs: Sequence[Job], fault: Fault, page: Page) -> None:
        for job in jobs:
            job.error = fault.text
            job.sent_by_id = self._mailbox_id
            job.tries.append(fault.as_try(job, self._route, self._book.now))
            self._to_the_next(job, b"", page)

    def _to_the_next(self, job: Job, raw: bytes, page: Page) -> None:
        """On to the next mailbox that may work, or to the end of the round."""
        job.position += 1
        while (mailbox_id := job.mailbox_id) is not None and (why := self._room.is_down(mailbox_id)):
            name = self._book.route_of(mailbox_id).name
            job.tries.append(TryMade(job.number, mailbox_id, name, "", "turn", PASSED_OVER, self._book.now, text=why))
            job.position += 1
        if job.mailbox_id is None:
            self._book.close(job, raw, page)
        else:
            page.moved.append((job, job.settlement()))


def _fault_of(sent: Sent) -> Fault | None:
    reading = sent.reading
    if not (reading.blame and reading.does_cool):
        return None
    reply = reading.reply
    return Fault(
        reading.blame,
        sent.result.phase,
        sent.host,
        reply.code if reply is not None else None,
        reply.enhanced if reply is not None else "",
    )


def _note_bcc(job: Job, bcc: Sequence[str], reading: Reading) -> None:
    for address in bcc:
        if (answer := reading.results.get(address)) is not None:
            job.bcc[address] = answer
            job.bcc_done.add(address.lower())
