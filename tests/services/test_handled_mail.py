"""What a person does to records, to what waits to be sent, and to quarantine."""

import pytest
from sqlmodel import select

from core.errors import BadInput, NotFound, NotPermitted
from core.handles import Handles
from core.models import OutgoingMessage, Quarantine, RawMessage, Recipient
from core.resources.catalogue import kind_named
from core.services import messages, outbox, quarantine, records, settings
from core.services.actor import Actor
from core.services.looking.details import show
from tests.services.traffic import OPERATOR, VIEWER, message_row, outgoing_row, record_row
from tests.services.worlds import NOW, put, shown


def test_fields_of_a_record_are_set(handles: Handles, admin: Actor) -> None:
    settings.change(handles, admin, {"dynamic_fields": ["Site"]})
    put(handles, record_row())
    given = {
        "state": "pending reminder", "queue": "Junk", "priority": "5 very high", "owner": "anna", "title": "New \x07",
        "pending_until": "2026-12-24T18:00:00Z", "Site": "Basel",
    }  # fmt: skip

    assert records.change(handles, OPERATOR, "2026112010000042", given)
    assert not records.change(handles, OPERATOR, "7", given)

    row = show(handles, VIEWER, kind_named("record"), "2026112010000042")
    assert shown(row, "state", "queue", "priority", "owner", "title", "pending_until", "fields") == {
        "state": "pending reminder", "queue": "Junk", "priority": "5 very high", "owner": "anna", "title": "New \ufffd",
        "pending_until": "2026-12-24T18:00:00Z", "fields": {"Site": "Basel"},
    }  # fmt: skip


def test_every_mistake_in_a_record_is_told(handles: Handles) -> None:
    put(handles, record_row())
    given = {"state": "lost", "priority": "6", "lock": "x", "stat": "new", "pending_until": "soon"}

    with pytest.raises(BadInput) as refused:
        records.change(handles, OPERATOR, "2026112010000042", given)
    assert {problem.field for problem in refused.value.problems} == set(given)
    with pytest.raises(BadInput, match="no queue 'Nowhere'"):
        records.change(handles, OPERATOR, "2026112010000042", {"queue": "Nowhere"})
    with pytest.raises(NotFound, match="There is no record '5'"):
        records.change(handles, OPERATOR, "5", {"state": "new"})
    with pytest.raises(NotPermitted):
        records.change(handles, VIEWER, "2026112010000042", {"state": "new"})


def _states(handles: Handles) -> list[str]:
    with handles.database.reading() as session:
        return [row.state for row in session.exec(select(OutgoingMessage).order_by("id"))]


def test_orders_to_the_outbox_are_carried_out_and_noted(handles: Handles, admin: Actor) -> None:
    put(handles, *(outgoing_row() for _ in range(3)))
    put(handles, *(Recipient(outgoing_id=number, address="a@example.org") for number in (1, 2, 3)))

    assert outbox.hold(handles, OPERATOR, None) == 3
    assert outbox.release(handles, OPERATOR, [1, 99]) == 1
    assert outbox.cancel(handles, OPERATOR, [2]) == 1
    assert outbox.retry(handles, OPERATOR, [1, 2, 3]) == 1
    assert _states(handles) == ["queued", "cancelled", "held"]
    with pytest.raises(NotPermitted):
        outbox.cancel(handles, VIEWER, None)
    from core.services.lists.search import matching

    noted = [(row["verb"], row["name"], row["actor"]) for row in matching(handles, admin, kind_named("audit")).rows]
    assert noted == [
        ("retry", "1", "otto@h"), ("cancel", "2", "otto@h"), ("release", "1", "otto@h"), ("hold", "1, 2, 3", "otto@h"),
    ]  # fmt: skip


def test_deleting_from_quarantine_keeps_that_the_message_came(handles: Handles, admin: Actor) -> None:
    put(handles, message_row(1, state="quarantined", trail=[["trust", "untrusted", ""]]), message_row(2))
    put(
        handles, RawMessage(message_id=1, data=b"x"), Quarantine(message_id=1, reason="r", created_at=NOW, tried_at=NOW)
    )

    assert quarantine.export(handles, OPERATOR, 1) == b"x"
    with pytest.raises(NotPermitted):
        quarantine.delete(handles, OPERATOR, 1)
    quarantine.delete(handles, admin, 1)

    row = show(handles, admin, kind_named("message"), 1)
    assert (row["state"], row["trail"][-1]["rule"]) == ("ignored", "deleted")
    with pytest.raises(NotFound):
        messages.raw(handles, admin, 1)
    for number in (1, 2, 3):
        with pytest.raises(NotFound, match="in quarantine"):
            quarantine.delete(handles, admin, number)
