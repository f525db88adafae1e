"""What became of a message, as the log tells it."""

from datetime import UTC, datetime

from core.models import OutgoingState
from core.outbound.ended import Outcome


def test_a_delivery_reads_as_one_line() -> None:
    at = datetime(2026, 11, 20, 21, 4, 11, tzinfo=UTC)
    deferred = Outcome(1, "<a@example.org>", OutgoingState.DEFERRED, "relay", 2, "450 later", at)
    sent = Outcome(2, "<b@example.org>", OutgoingState.SENT, "relay", 1, "250 ok", at)

    assert str(deferred) == "<a@example.org> deferred through relay (2 recipients): 450 later; next try 21:04:11 UTC"
    assert str(sent) == "<b@example.org> sent through relay (1 recipient): 250 ok"
