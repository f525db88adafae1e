"""Where a message stands after a round, and what is said of it: tables."""

from datetime import UTC, datetime, timedelta

import pytest

from core.models import OutgoingState
from core.outbound.decisions.outcome import end_of_round, sender_refused_by, too_large_for_all, wait_until, without_utf8
from core.outbox.due import Due, PendingRecipient
from core.outbox.settle import Ending, RecipientResult
from core.settings import RetrySettings

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
EARLIER = NOW - timedelta(hours=1)
SENT = RecipientResult(OutgoingState.SENT, 250, "2.0.0", "ok")
DEFERRED = RecipientResult(OutgoingState.DEFERRED, 450, "4.2.0", "greylisted")
FAILED = RecipientResult(OutgoingState.FAILED, 550, "5.1.1", "no such user")
UNCERTAIN = RecipientResult(OutgoingState.UNCERTAIN, text="lost after the dot")
DOWN = "main: connection refused"


def to(key, state="queued", *, is_bcc=False, code=None):
    return PendingRecipient(key, f"r{key}@x.example", is_bcc, state, code)


def due(*recipients, **changed):
    pending = tuple(one for one in recipients if one.state in ("queued", "deferred", "uncertain") and not one.is_bcc)
    plain = Due(
        1, "<1@x>", "queued", 1, "a@x", "a@x", 100, None, None, True, NOW, NOW, None, 0, None, "", NOW, 1,
        recipients, pending,
    )  # fmt: skip
    return plain._replace(**changed)


def ended(message, results, **rule):
    return end_of_round(message, results, NOW, RetrySettings(**rule), error=DOWN, jitter=0.0, sent_by_id=7)


@pytest.mark.parametrize(
    ("recipients", "results", "state", "said"),
    [
        ([to(1), to(2)], {1: SENT, 2: SENT}, "sent", ""),
        ([to(1), to(2, is_bcc=True)], {1: SENT}, "sent", ""),
        ([to(1), to(2)], {1: SENT, 2: DEFERRED}, "deferred", "450 4.2.0 greylisted"),
        # Who had no answer is tried again, and why is that of the last mailbox.
        ([to(1), to(2)], {1: SENT}, "deferred", DOWN),
        ([to(1)], {}, "deferred", DOWN),
        # The reason is that of one for whom it stands where it does.
        ([to(1), to(2)], {1: FAILED, 2: DEFERRED}, "deferred", "450 4.2.0 greylisted"),
        ([to(1), to(2)], {1: FAILED, 2: SENT}, "failed", "550 5.1.1 no such user"),
        ([to(1), to(2)], {1: UNCERTAIN, 2: DEFERRED}, "uncertain", "lost after the dot"),
        # What was decided in an earlier round counts still, but for Bcc.
        ([to(1), to(2, "failed", code=550)], {1: SENT}, "failed", "r2@x.example: failed at an earlier try (550)."),
        ([to(1), to(2, "failed")], {1: SENT}, "failed", "r2@x.example: failed at an earlier try."),
        ([to(1), to(2, "failed")], {1: FAILED}, "failed", "550 5.1.1 no such user"),
        ([to(1), to(2, "sent")], {1: SENT}, "sent", ""),
        ([to(1), to(2, "failed", is_bcc=True)], {1: SENT}, "sent", ""),
        # It stays uncertain until a relay answers for it.
        ([to(1, "uncertain")], {}, "uncertain", DOWN),
        ([to(1, "uncertain")], {1: DEFERRED}, "deferred", "450 4.2.0 greylisted"),
    ],
)  # fmt: skip
def test_where_a_message_stands_after_a_round(recipients, results, state, said):
    found = ended(due(*recipients), results)
    assert (found.ending.state.value, found.ending.last_error) == (state, said)
    assert (found.ending.attempts, found.ending.sent_by_id) == (1, 7)
    if state in ("deferred", "uncertain"):
        assert found.ending.next_attempt_at == NOW + timedelta(minutes=1)


@pytest.mark.parametrize(("before", "since"), [(None, NOW), (EARLIER, EARLIER)])
def test_since_when_it_is_uncertain_is_kept(before, since):
    assert ended(due(to(1), uncertain_since=before), {1: UNCERTAIN}).ending.uncertain_since == since
    assert ended(due(to(1), uncertain_since=before), {1: SENT}).ending.uncertain_since == before


def test_what_is_uncertain_is_held_where_that_is_set_and_nothing_else():
    found = ended(due(to(1), to(2)), {1: UNCERTAIN, 2: DEFERRED}, uncertain="hold")
    assert found.results == {1: RecipientResult(OutgoingState.HELD, text="lost after the dot"), 2: DEFERRED}
    assert found.ending.uncertain_since == NOW


@pytest.mark.parametrize(
    ("lifetime", "within"),
    [
        (timedelta(days=5), "5 days"), (timedelta(hours=48), "2 days"),
        (timedelta(hours=47), "47 hours"), (timedelta(hours=1), "1 hour"),
        (timedelta(minutes=100), "100 minutes"), (timedelta(seconds=90), "90 seconds"),
    ],
)  # fmt: skip
def test_after_its_lifetime_what_waits_has_failed_and_the_sender_is_told_of_it(lifetime, within):
    message = due(to(1), to(2), to(3, "uncertain"), begun_at=NOW - lifetime)
    found = ended(message, {1: SENT, 2: DEFERRED}, lifetime=lifetime)
    assert found.results == {
        1: SENT,
        2: RecipientResult(OutgoingState.FAILED, 450, "4.2.0", f"Not sent within {within}: greylisted"),
        3: RecipientResult(OutgoingState.FAILED, None, "", f"Not sent within {within}: {DOWN}"),
    }
    assert (found.ending.state, found.ending.next_attempt_at) == (OutgoingState.FAILED, NOW)
    assert set(found.newly_failed) == {2, 3}


def test_past_its_expiry_it_came_too_late_and_nobody_is_told():
    found = ended(due(to(1), to(2), expires_at=NOW), {1: FAILED})
    assert found.results == {
        1: FAILED,
        2: RecipientResult(OutgoingState.EXPIRED, None, "", f"It came too late. {DOWN}"),
    }
    assert set(found.newly_failed) == {1}


@pytest.mark.parametrize(
    ("before", "state"), [("queued", "deferred"), ("deferred", "deferred"), ("uncertain", "uncertain")]
)
def test_waiting_is_no_try_and_leaves_what_is_uncertain_so(before, state):
    message = due(to(1), state=before, attempts=3, uncertain_since=EARLIER, sent_by_id=9)
    until = NOW + timedelta(minutes=5)
    assert wait_until(message, until, "all cool down") == Ending(
        OutgoingState(state), 3, until, "all cool down", EARLIER, 9
    )


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"b": 100, "a": 200}, "(a 200, b 100). Send at most 200 bytes, or raise the limit."),
        ({}, "(no limit is known). Send at most 0 bytes, or raise the limit."),
    ],
)
def test_what_is_too_large_for_all_is_told_with_each_limit(limits, said):
    assert too_large_for_all(500, limits) == f"The message has 500 bytes, more than any mailbox takes {said}"


@pytest.mark.parametrize(
    ("names", "sender", "relays"),
    [
        (["a"], "Mailbox a may not", "relay of a does not"),
        (["a", "b"], "Mailboxes a, b may not", "relays of a, b do not"),
    ],
)
def test_the_mailboxes_that_could_not_are_named(names, sender, relays):
    refused = sender_refused_by(names, FAILED)
    assert refused == FAILED._replace(text=f"{sender} send for this sender: no such user")
    over, waits = (without_utf8(names, "", is_over=is_over) for is_over in (True, False))
    assert (over.state, over.reply_code, over.enhanced_code) == (OutgoingState.FAILED, 550, "5.6.7")
    assert (waits.state, waits.reply_code) == (OutgoingState.DEFERRED, None)
    for told in (over.text, waits.text):
        assert told.startswith(f"The {relays} offer SMTPUTF8")
    assert waits.text.endswith("cannot send now.")
