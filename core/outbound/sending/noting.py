"""What came of a submission, put into the message's job: its recipients' results, its history, what to try next."""

from __future__ import annotations

from collections.abc import Sequence

from core.outbound.decisions.reading import Reading
from core.outbound.route import Route
from core.outbound.sending.book import Book
from core.outbound.sending.handed import Handed, Sent
from core.outbound.sending.job import Job
from core.outbound.sending.page import Page
from core.outbound.sending.parcel import Parcel
from core.outbox.settle import RecipientResult


def note(book: Book, handed: Handed[Parcel], route: Route, page: Page, size_limit: int) -> Sent:
    """Read what a relay said and note it.

    Args:
        book: the pass's.
        handed: the submission.
        route: the mailbox that made it.
        page: what its connection has to be written.
        size_limit: the largest message that the relay takes, in bytes; 0: it did not say.
    """
    parcel, sent = handed.parcel, handed.read(route)
    job, reading, mailbox_id = parcel.job, sent.reading, route.mailbox_id
    job.sent_by_id = mailbox_id
    job.tries.append(sent.as_try(job, route, book.time_of(handed.began), parcel.composed.warnings))
    if sent.result.taken:
        page.has_worked = True
    if reading.most_recipients:
        book.learn(mailbox_id, recipients=reading.most_recipients)
    if reading.is_too_large:
        job.too_large_for[route.name] = size_limit
    elif reading.blame:
        job.is_only_too_large = False
    if reading.sender_refused is not None:
        job.sender_refused[mailbox_id] = reading.sender_refused
    job.error = reading.blame or job.error
    _note_recipients(job, reading, mailbox_id, book.staging_redirect)
    _note_bcc(job, parcel.bcc, reading)
    return sent


def _note_recipients(job: Job, reading: Reading, mailbox_id: int, redirect: str) -> None:
    for one in job.unanswered:
        answer = reading.results.get(redirect or one.address)
        if answer is not None:
            job.results[one.id] = _redirected(answer, redirect) if redirect else answer
        elif (redirect or one.address) in reading.unnamed:
            job.unnamed.setdefault(mailbox_id, set()).add(one.id)


def _redirected(answer: RecipientResult, redirect: str) -> RecipientResult:
    """What is said of a recipient who has nothing of it: it went to somebody else."""
    return answer._replace(text=f"Redirected to {redirect}: {answer.text}")


def _note_bcc(job: Job, bcc: Sequence[str], reading: Reading) -> None:
    for address in bcc:
        # They are this mailbox's alone: no other one's relay is asked for them.
        if (answer := reading.results.get(address) or reading.unnamed.get(address)) is not None:
            job.bcc[address] = answer
            job.bcc_done.add(address.lower())
