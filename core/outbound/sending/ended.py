"""The end of a message's round: its settlement, the notice to its sender, the line that tells of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from core.errors import BadInput
from core.mail.addresses import address_of
from core.mail.envelope import OutgoingEnvelope, fresh_message_id
from core.models import OutgoingState
from core.outbound.decisions.notice import FailedRecipient, failure_notice
from core.outbound.decisions.outcome import (
    TOO_LARGE,
    Ended,
    end_of_round,
    sender_refused_by,
    too_large_for_all,
    wait_until,
    without_utf8,
)
from core.outbound.route import Route
from core.outbound.sending.job import Job
from core.outbox.entry import Entry, read_entry
from core.outbox.settle import Ending, RecipientResult, Settlement
from core.settings import RuntimeSettings
from core.text import counted

_TRIED_AGAIN = (OutgoingState.DEFERRED, OutgoingState.UNCERTAIN)


class Outcome(NamedTuple):
    """What became of one message in this pass, for summaries, logs and whoever watches."""

    id: int
    message_id: str
    state: OutgoingState
    mailbox: str
    """Who tried last; empty if nobody did."""
    recipients: int
    text: str
    """The relay's word, or why it was not sent."""
    next_attempt_at: datetime
    waits: bool = False
    """Whether it was not tried: whoever may send it can do so only later."""

    def __str__(self) -> str:
        """One line of a log."""
        through = f" through {self.mailbox}" if self.mailbox else ""
        to = counted(self.recipients, "recipient")
        next_try = f"; next try {self.next_attempt_at:%H:%M:%S} UTC" if self.state in _TRIED_AGAIN else ""
        return f"{self.message_id} {self.state.value}{through} ({to}): {self.text}{next_try}"


@dataclass(frozen=True, slots=True)
class Terms:
    """What the end of a round goes by."""

    settings: RuntimeSettings
    routes: Mapping[int, Route]
    host: str
    """This machine's name."""
    now: datetime


def close_round(job: Job, error: str, terms: Terms, *, raw: Callable[[], bytes] = bytes) -> Settlement:
    """All that is to be written when a message's round is over; `raw` reads its bytes, if somebody is to be told."""
    if job.is_sent_to_all:
        return closed_as_sent(job, terms.now)
    if job.too_large_for and job.is_only_too_large and job.unanswered:
        error = too_large_for_all(job.due.size, job.too_large_for)
        job.results |= {one.id: RecipientResult(OutgoingState.FAILED, None, TOO_LARGE, error) for one in job.unanswered}
    job.results |= _unnamed(job, terms)
    job.results |= _sender_refused(job, terms)
    sent_by_id = job.sent_by_id if job.sent_by_id is not None else job.due.sent_by_id
    ended = end_of_round(
        job.due,
        job.results,
        terms.now,
        terms.settings.retry,
        error=error,
        jitter=random.random(),  # noqa: S311 - spreads retries, guards nothing
        sent_by_id=sent_by_id,
    )
    job.results = dict(ended.results)
    settlement = job.settlement()
    settlement.ending = ended.ending
    if job.due.notify and terms.settings.retry.notify:
        settlement.notice = _notice(job, ended, terms, raw)
    return settlement


def _unnamed(job: Job, terms: Terms) -> dict[int, RecipientResult]:
    """What becomes of those that only SMTPUTF8 could name: they have failed when no mailbox's relay can offer it."""
    may_come = job.may_come or job.due.state == OutgoingState.UNCERTAIN
    results: dict[int, RecipientResult] = {}
    for one in job.unanswered if job.unnamed else ():
        without = [key for key, unnamed in job.unnamed.items() if one.id in unnamed]
        if without:
            is_over = not may_come and all(hop.mailbox in without for hop in job.hops)
            names = [terms.routes[key].name for key in without]
            results[one.id] = without_utf8(names, job.error if not is_over else "", is_over=is_over)
    return results


def _sender_refused(job: Job, terms: Terms) -> dict[int, RecipientResult]:
    """A sender that every mailbox of the round refused for good: to try it again would ask the same once more."""
    refused, is_uncertain = job.sender_refused, job.due.state == OutgoingState.UNCERTAIN
    if not refused or job.may_come or is_uncertain or any(hop.mailbox not in refused for hop in job.hops):
        return {}
    *_, last = refused.values()
    told = sender_refused_by([terms.routes[key].name for key in refused], last)
    return {one.id: told for one in job.unanswered}


def closed_as_sent(job: Job, now: datetime) -> Settlement:
    """What is to be written of a message that a relay took for all its recipients."""
    settlement = job.settlement()
    uncertain_since = job.due.uncertain_since
    settlement.ending = Ending(OutgoingState.SENT, job.number, now, "", uncertain_since, job.sent_by_id)
    return settlement


def held_because(job: Job, why: str, now: datetime) -> Settlement:
    """A message that cannot leave as it is waits for a person."""
    for one in job.unanswered:
        job.results[one.id] = RecipientResult(OutgoingState.HELD, text=why)
    settlement = job.settlement()
    settlement.ending = Ending(OutgoingState.HELD, job.number, now, why, job.due.uncertain_since, job.sent_by_id)
    return settlement


def put_off(job: Job, until: datetime, why: str) -> Settlement:
    """A message that nobody can send before `until`; to wait for that is no try."""
    until = min(until, job.due.expires_at or until)
    # Who was deferred by his own server keeps its reply: it tells who must come again.
    for one in job.unanswered:
        if one.state == OutgoingState.QUEUED:
            job.results[one.id] = RecipientResult(OutgoingState.DEFERRED, text=why)
    settlement = job.settlement()
    settlement.ending = wait_until(job.due, until, why)
    return settlement


def outcome_of(job: Job, settlement: Settlement, mailbox: str) -> Outcome:
    """The line that tells of a settled message."""
    ending = settlement.ending
    assert ending is not None
    text = ending.last_error or next((result.said for result in job.results.values()), "")
    recipients = sum([not one.is_bcc for one in job.due.recipients])
    return Outcome(
        id=job.due.id,
        message_id=job.due.message_id,
        state=ending.state,
        mailbox=mailbox,
        recipients=recipients,
        text=text,
        next_attempt_at=ending.next_attempt_at,
        waits=ending.attempts == job.due.attempts and not ending.is_last,
    )


def _notice(job: Job, ended: Ended, terms: Terms, raw: Callable[[], bytes]) -> Entry | None:
    sent_by_id = ended.ending.sent_by_id
    route = terms.routes.get(sent_by_id) if sent_by_id is not None else None
    own = address_of(route.identity.default_sender) if route is not None else ""
    to = job.due.sender if job.due.sender is not None else own
    failed = [
        FailedRecipient(one.address, result.reply_code, result.enhanced_code, result.text)
        for one in job.due.recipients
        if (result := ended.newly_failed.get(one.id)) is not None
    ]
    if not to or not failed:
        return None
    message_id = fresh_message_id(terms.host)
    try:
        notice = failure_notice(
            to=to,
            sent_from=own or f"mailer-daemon@{message_id.rpartition('@')[2].rstrip('>')}",
            host=terms.host,
            message_id=message_id,
            failed=failed,
            original_id=job.due.message_id,
            raw=raw(),
            created_at=job.due.created_at,
            now=terms.now,
        )
        return read_entry(OutgoingEnvelope((to,), "", notify=False), notice, submitted_by="postroom")
    except (BadInput, ValueError):
        # A sender that no notice can be addressed to is told nothing; the outbox still says it all.
        return None
