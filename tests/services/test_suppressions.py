"""Suppressed addresses: seen by all, released by those who may, with a line in the audit log."""

import pytest

from core import clock
from core.errors import NotFound, NotPermitted
from core.handles import Handles
from core.models import Audit
from core.outbox.suppression import note_hard_bounces
from core.resources.suppression import SUPPRESSION
from core.services import suppressions
from core.services.actor import Actor, Role
from core.services.lists.search import matching
from core.services.looking.details import show
from tests.accounts import ON_SQLITE, rows_of

pytestmark = ON_SQLITE


@pytest.fixture
def bounced(handles: Handles) -> None:
    for _ in range(2):
        handles.database.writing(
            lambda session: note_hard_bounces(session, [("Bob@x.example", "gone")], clock.utcnow())
        )


def test_who_bounced_is_listed_and_shown_until_he_is_released(handles: Handles, admin: Actor, bounced: None) -> None:
    [row] = matching(handles, admin, SUPPRESSION).rows
    assert (row["address"], row["bounces"], row["last_text"]) == ("bob@x.example", 2, "gone")
    assert show(handles, admin, SUPPRESSION, "bob@x.example")["held_until"]

    operator = Actor("olaf", "vm", Role.OPERATOR)
    assert suppressions.release(handles, operator, ["BOB@x.example"]) == 0

    assert matching(handles, admin, SUPPRESSION).rows == []
    line = rows_of(handles, Audit, "id")[-1]
    assert (line.actor, line.verb, line.kind, line.name) == ("olaf@vm", "release", "suppression", "bob@x.example")
    with pytest.raises(NotFound, match="not suppressed"):
        suppressions.release(handles, admin, ["bob@x.example"])


def test_a_viewer_only_looks(handles: Handles, bounced: None) -> None:
    viewer = Actor("vera", "vm", Role.VIEWER)

    assert len(matching(handles, viewer, SUPPRESSION).rows) == 1
    with pytest.raises(NotPermitted):
        suppressions.release(handles, viewer, ["bob@x.example"])
