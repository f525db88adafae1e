"""Hand-offs and their deliveries in the hands of a person: listed, retried, given up, removed, refused."""

from typing import Any

import pytest
from sqlalchemy import update

from core.db.bulk import table_of
from core.errors import BadInput
from core.handles import Handles
from core.models import Delivery, Record
from core.resources.catalogue import kind_named
from core.services import deliveries
from core.services.actor import Actor, Role
from core.services.configuration.catalogue import RESOURCES
from core.services.lists import search
from tests.accounts import LONG_AGO, message, rows_of
from tests.handoff.handing_over import ANSWER, hand_in, hand_over, handoff, posting, states
from tests.handoff.receiver import Receiver
from tests.workers.upkeep.sweeping import sweep

pytestmark = pytest.mark.usefixtures("account")


def test_deliveries_are_listed_retried_and_given_up(handles: Handles, admin: Actor) -> None:
    with Receiver(lambda _: 500) as receiver:
        posting(handles, admin, receiver)
        hand_in(handles, admin, message(1), message(2, *ANSWER))
        hand_over(handles)
        operator = Actor("o", "h", Role.OPERATOR)
        kind = kind_named("delivery")
        newest, oldest = search.matching(handles, operator, kind).rows
        assert (oldest["handoff"], oldest["event"], oldest["state"]) == ("crm", "record", "waiting")
        assert newest["record"] == rows_of(handles, Record, "id")[0].number
        assert search.count(handles, operator, kind, "state:waiting") == 2
        (listed,) = search.matching(handles, operator, kind_named("handoff")).rows
        assert (listed["waiting"], "HTTP 500" in listed["last_error"]) == (2, True)

        assert deliveries.cancel(handles, operator, [oldest["id"]]) == 1
        receiver.answer = lambda _: 200
        hand_over(handles)
        assert states(handles) == [("failed", 1), ("delivered", 1)]
        assert deliveries.retry(handles, operator, [oldest["id"], newest["id"]]) == 1
        hand_over(handles)
        assert states(handles) == [("delivered", 2), ("delivered", 1)]
        assert deliveries.retry(handles, operator, None) == 0


def test_settled_deliveries_are_removed_with_the_runs(handles: Handles, admin: Actor) -> None:
    handoff(handles, admin)
    hand_in(handles, admin, message(1), message(2))

    def age(session: Any) -> None:
        table = table_of(Delivery)
        old = update(table).where(table.c.id == 1).values(state="delivered", settled_at=LONG_AGO)
        session.connection().execute(old)

    handles.database.writing(age)
    sweep(handles)
    assert states(handles) == [("waiting", 0)]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"command": "crm --take"}, "command"),
        ({"command": "/bin/sh 'x"}, "command"),
        ({"command": "/bin/true", "url": "https://hooks.example.org/"}, "command"),
        ({"command": "", "url": "http://hooks.example.org/"}, "url"),
        ({"command": "", "url": "https://user:pw@hooks.example.org/"}, "url"),
        ({"command": "/bin/true", "queues": ["Nowhere"]}, "queues"),
        ({"command": "/bin/true", "types": ["Moon"]}, "types"),
    ],
)
def test_a_hand_off_that_could_not_work_is_refused(
    handles: Handles, admin: Actor, values: dict[str, Any], field: str
) -> None:
    with pytest.raises(BadInput) as refused:
        RESOURCES["handoff"].add(handles, admin, "crm", values)
    assert refused.value.problems[0].field == field


def test_a_command_that_nobody_can_run_here_is_worth_a_word(handles: Handles, admin: Actor) -> None:
    saved = RESOURCES["handoff"].add(handles, admin, "crm", {"command": "/no/such --now"})
    assert "no such program" in saved.warnings[0]
    assert RESOURCES["handoff"].change(handles, admin, "crm", {"command": "/bin/true"}).warnings == ()
