"""Messages that their mailbox cannot send go on: to the next that may work, or to the end of their round."""

from __future__ import annotations

from collections.abc import Sequence

from core.outbound.decisions.pick import OUT_OF_RATE
from core.outbound.route import Route
from core.outbound.sending.book import Book
from core.outbound.sending.claiming import PASSED_OVER
from core.outbound.sending.fault import Fault
from core.outbound.sending.job import Job
from core.outbound.sending.page import Page
from core.outbound.sending.reserving import Reserve
from core.outbox.settle import TryMade


def move_on(book: Book, route: Route, jobs: Sequence[Job], fault: Fault, page: Page) -> None:
    """These would have left by this mailbox, which cannot send."""
    for job in jobs:
        job.error = fault.text
        job.is_only_too_large = False
        job.sent_by_id = route.mailbox_id
        job.tries.append(fault.as_try(job, route, book.now))
    to_the_next(book, jobs, b"", page)


def to_the_next(book: Book, jobs: Sequence[Job], raw: bytes, page: Page) -> None:
    """On to the next mailbox that is not known to be down and has something left of its rate."""
    reserve = Reserve(book.handles)
    for index, job in enumerate(jobs):
        job.position += 1
        while (mailbox_id := job.mailbox_id) is not None:
            route = book.route_of(mailbox_id)
            fault = book.room.fault_of(mailbox_id)
            why = fault.text if fault is not None else _out_of_rate(job, route, reserve, len(jobs) - index)
            if not why:
                break
            job.tries.append(TryMade(job.number, mailbox_id, route.name, "", "turn", PASSED_OVER, book.now, text=why))
            job.is_only_too_large = False
            job.position += 1
        if job.mailbox_id is None:
            book.close(job, raw, page)
        else:
            page.moved.append((job, job.settlement()))
    page.not_needed.update(reserve.left())


def _out_of_rate(job: Job, route: Route, reserve: Reserve, likely: int) -> str:
    """Why the rate of the mailbox it moves to forbids it; empty when one was taken, or there is no rate."""
    if not route.has_rate:
        return ""
    until = reserve.take(route.mailbox_id, is_urgent=job.due.is_urgent, likely=likely)
    return OUT_OF_RATE if until is not None else ""
