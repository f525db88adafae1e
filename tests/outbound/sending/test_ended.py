"""The end of a message's round: what is written of it, who is told, and how the log tells it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core.db.leases import Lease
from core.models import OutgoingMessage, OutgoingState
from core.outbound.decisions.pick import Hop
from core.outbound.sending.ended import Outcome, Terms, close_round, outcome_of, put_off
from core.outbound.sending.job import Job
from core.outbox.due import Due, PendingRecipient
from core.outbox.settle import RecipientResult
from core.settings import RuntimeSettings
from tests.outbound.boxes import LATER, MUCH_LATER, NOW, route

REFUSED = RecipientResult(OutgoingState.FAILED, 550, "5.7.1", "not for you")
TERMS = Terms(RuntimeSettings(), {1: route(1), 2: route(2)}, "host", NOW)
BOB = PendingRecipient(1, "bob@example.net", False, "queued", None)


def job(*pending: PendingRecipient, due: dict[str, object] | None = None, **so_far: object) -> Job:
    pending = pending or (BOB,)
    plain = Due(
        1, "<1@x>", "queued", 1, "a@x", "a@x", 100, None, None, True, NOW, NOW, None, 0, None, "", NOW, 1,
        pending, pending,
    )  # fmt: skip
    return replace(
        Job(plain._replace(**due or {}), Lease(OutgoingMessage, 1, "me", 2), (Hop(1, "its turn"),)), **so_far
    )


def closed(of: Job) -> tuple[str, bool]:
    """Its state, and whether its sender is told."""
    settlement = close_round(of, "A: connection refused", TERMS, raw=lambda: b"Subject: x\r\n\r\nHello.\r\n")
    assert settlement.ending is not None
    return settlement.ending.state, settlement.notice is not None


@pytest.mark.parametrize(
    ("so_far", "due", "state"),
    [
        ({}, {}, "failed"),
        # Somebody may take it later, or has perhaps taken it before.
        ({"may_come": True}, {}, "deferred"),
        ({}, {"state": "uncertain"}, "deferred"),
        ({"hops": (Hop(1, ""), Hop(2, ""))}, {}, "deferred"),
    ],
)
def test_a_sender_refused_by_all_fails_and_by_some_waits(
    so_far: dict[str, object], due: dict[str, object], state: str
) -> None:
    assert closed(job(due=due, sender_refused={1: REFUSED}, **so_far))[0] == state


@pytest.mark.parametrize(("only", "state"), [(True, "failed"), (False, "deferred")])
def test_what_is_too_large_fails_only_where_nothing_else_kept_it(only: bool, state: str) -> None:
    assert closed(job(too_large_for={"A": 50}, is_only_too_large=only))[0] == state


@pytest.mark.parametrize(("sender", "is_told"), [("a@x", True), (None, True), ("", False)])
def test_the_null_sender_is_told_nothing(sender: str | None, is_told: bool) -> None:
    failing = job(due={"sender": sender}, results={1: REFUSED}, sent_by_id=1)
    assert closed(failing) == ("failed", is_told)


def test_a_round_in_which_nobody_tried_leaves_who_tried_last() -> None:
    ending = close_round(job(due={"sent_by_id": 2}), "A: connection refused", TERMS).ending
    assert ending is not None
    assert ending.sent_by_id == 2


def test_to_wait_is_no_try_and_ends_with_its_lifetime() -> None:
    copy = PendingRecipient(2, "copy@example.org", True, "queued", None)
    waiting = job(due={"expires_at": LATER, "recipients": (BOB, copy)})
    settlement = put_off(waiting, MUCH_LATER, "A: cools down")
    told = outcome_of(waiting, settlement, "")
    assert (told.next_attempt_at, told.waits, told.recipients) == (LATER, True, 1)


def test_a_delivery_reads_as_one_line() -> None:
    at = datetime(2026, 11, 20, 21, 4, 11, tzinfo=UTC)
    deferred = Outcome(1, "<a@example.org>", OutgoingState.DEFERRED, "relay", 2, "450 later", at)
    sent = Outcome(2, "<b@example.org>", OutgoingState.SENT, "relay", 1, "250 ok", at)

    assert str(deferred) == "<a@example.org> deferred through relay (2 recipients): 450 later; next try 21:04:11 UTC"
    assert str(sent) == "<b@example.org> sent through relay (1 recipient): 250 ok"
