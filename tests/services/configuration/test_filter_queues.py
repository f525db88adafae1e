"""A queue that a filter names: kept while it does, followed by its new name, missed when it is not there."""

import pytest

from core.errors import InUse
from core.handles import Handles
from core.services.actor import Actor
from core.services.configuration.filters import filters
from core.services.configuration.queues import queues
from tests.services.worlds import add

MATCH = [{"header": "Subject", "regex": "(invoice)"}]


@pytest.fixture(autouse=True)
def named(handles: Handles, admin: Actor) -> None:
    add(handles, admin, "queue", "Sales")
    filters.add(handles, admin, "010", {"match": MATCH, "set": {"X-OTOBO-Queue": "Sales", "X-OTOBO-Title": "Sales"}})
    filters.add(handles, admin, "020", {"match": MATCH, "set": {"x-postroom-followup-queue": "Sales"}})


def test_it_is_not_deleted(handles: Handles, admin: Actor) -> None:
    with pytest.raises(InUse) as refused:
        queues.delete(handles, admin, "Sales")
    assert str(refused.value) == (
        "Queue Sales was not deleted: 2 filters still use it (010, 020). Delete them or give them another queue first."
    )
    for name in ("010", "020"):
        filters.delete(handles, admin, name)
    queues.delete(handles, admin, "Sales")


def test_its_filters_follow_its_new_name(handles: Handles, admin: Actor) -> None:
    version = filters.get(handles, admin, "010")["version"]
    queues.change(handles, admin, "Sales", {"name": "Orders"})
    changed = filters.get(handles, admin, "010")
    assert changed["set"] == {"X-OTOBO-Queue": "Orders", "X-OTOBO-Title": "Sales"}
    assert changed["version"] == version + 1
    assert filters.get(handles, admin, "020")["set"] == {"x-postroom-followup-queue": "Orders"}
    with pytest.raises(InUse):
        queues.delete(handles, admin, "Orders")


@pytest.mark.parametrize(
    ("queue", "is_missed"), [("Sales", False), ("Sails", True), ("[***]", False), ("Junk of [**x**]", False)]
)
def test_one_that_is_not_there_is_worth_a_word(handles: Handles, admin: Actor, queue: str, is_missed: bool) -> None:
    saved = filters.add(handles, admin, "030", {"match": MATCH, "set": {"X-OTOBO-Queue": queue}})
    assert [queue in told for told in saved.warnings] == [True] * is_missed
    queues.change(handles, admin, "Sales", {"validity": "invalid"})
    assert bool(filters.warnings(handles, {}, name="010"))
