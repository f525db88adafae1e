"""Trying changed filters on stored messages: before, after, the rule that decides, and nothing is changed."""

import io
from contextlib import nullcontext
from typing import Any

import pytest

from core.errors import BadInput, NotFound, NotPermitted
from core.handles import Handles
from core.inbound import stored
from core.inbound.handed_in import HandedIn
from core.inbound.trial import Tried
from core.models import Account, Message, Record, Run
from core.services.actor import Actor, Role
from core.services.configuration.catalogue import RESOURCES
from core.services.configuration.config_text import import_text
from core.services.intake import take_in
from core.services.what_if.explaining import explained_stored
from core.services.what_if.trying import tried_as_json, try_text, try_values
from tests.accounts import add_account, message, rows_of

RULES = """
[[queue]]
name = "Support"
[[address]]
address = "support@example.com"
queue = "Support"

[[filter]]
name = "010 printer"
match = [ { header = "Subject", regex = "printer" } ]
set = { "X-OTOBO-Priority" = "5 very high" }
"""


@pytest.fixture
def world(handles: Handles, admin: Actor) -> Handles:
    import_text(handles, admin, RULES, "rules.toml")
    add_account(handles)
    return handles


def hand_in(handles: Handles, actor: Actor, *messages: bytes) -> None:
    box = b"".join(b"From x Fri Nov 20 21:04:10 2020\n" + one + b"\n" for one in messages)
    assert take_in(handles, actor, "a", [HandedIn("box", lambda: nullcontext(io.BytesIO(box)))]).error == ""


def tried(handles: Handles, actor: Actor, text: str, last: int = 500) -> list[Tried]:
    return list(try_text(handles, actor, text, "f.toml", last))


def told(one: Tried) -> tuple[Any, ...]:
    before, after = (f"{side.state} {side.queue}".strip() for side in (one.before, one.after))
    return one.id, before, after, one.step.rule


def a_filter(name: str, header: str, regex: str, **settings: str) -> str:
    values = ", ".join(f'"X-OTOBO-{key.replace("_", "-")}" = "{value}"' for key, value in settings.items())
    return (
        f"[[filter]]\nname = '{name}'\nmatch = [ {{ header = '{header}', regex = '{regex}' }} ]\nset = {{ {values} }}\n"
    )


def test_a_new_filter_is_tried_on_each_message_and_names_itself(world: Handles, admin: Actor) -> None:
    hand_in(world, admin, message(1), message(2, "Subject: spam"), message(3, body="buy now"))
    filters = a_filter("1", "Subject", "spam", Ignore="yes") + a_filter("2", "Body", "buy now", Queue="Junk")

    assert [told(one) for one in tried(world, admin, filters)] == [
        (3, "recorded Support", "recorded Junk", "2"),
        (2, "recorded Support", "ignored", "1"),
        (1, "recorded Support", "recorded Support", "To"),
    ]


def test_a_filter_of_the_same_name_is_replaced_and_the_others_stay(world: Handles, admin: Actor) -> None:
    hand_in(world, admin, message(1, "Subject: printer"), message(2, "Subject: scanner"))

    scanner, printer = tried(world, admin, a_filter("010 printer", "Subject", "scanner", Priority="1 very low"))

    assert (printer.places, printer.values) == ((), ("priority",))
    assert (printer.before.values["priority"], printer.after.values["priority"]) == ("5 very high", "3 normal")
    assert printer.step == ("filters", "010 printer", "no longer matches, or no longer sets this")
    assert (scanner.before.values["priority"], scanner.after.values["priority"]) == ("3 normal", "1 very low")
    assert scanner.step[:2] == ("filters", "010 printer")
    assert (
        tried(world, admin, a_filter("020", "Subject", "nothing", Queue="Junk"))[1].after.values["priority"]
        == "5 very high"
    )


def test_what_a_file_does_not_say_of_a_filter_stays_as_in_an_import(world: Handles, admin: Actor) -> None:
    hand_in(world, admin, message(1, "Subject: printer"))
    (one,) = tried(world, admin, "[[filter]]\nname = '010 printer'\nset = { 'X-OTOBO-Queue' = 'Junk' }\n")
    assert told(one) == (1, "recorded Support", "recorded Junk", "010 printer")


def test_a_message_is_on_its_own_record_before_and_after(world: Handles, admin: Actor) -> None:
    hand_in(world, admin, message(1), message(2, "References: <1@mail.example.org>"))
    (record,) = rows_of(world, Record, "id")

    answer, first = tried(world, admin, a_filter("1", "From", "user", Queue="Junk", FollowUp_Queue="Raw"))

    assert (first.record, first.before.record, first.after.record) == (record.number,) * 3
    assert told(first) == (1, "recorded Support", "recorded Junk", "1")
    assert (answer.before.record, answer.after.record) == (record.number,) * 2
    assert told(answer) == (2, "recorded Support", "recorded Raw", "1")


def test_the_rules_before_are_todays_so_that_only_the_filters_differ(world: Handles, admin: Actor) -> None:
    hand_in(world, admin, message(1))
    RESOURCES["address"].delete(world, admin, "support@example.com")
    (one,) = tried(world, admin, a_filter("1", "Subject", "nothing", Queue="Junk"))
    assert not one.is_different
    assert told(one) == (1, "recorded Raw", "recorded Raw", "default")
    assert one.state == "recorded"


def test_the_loop_guard_does_not_count_a_message_against_itself(world: Handles, admin: Actor) -> None:
    hand_in(world, admin, *(message(number, sender="ann@example.org") for number in range(22)))
    found = tried(world, admin, a_filter("1", "Subject", "nothing", Queue="Junk"))
    assert [one.after.state for one in found] == [one.state for one in found]
    assert [one.state for one in found].count("quarantined") == 2


def test_a_trusted_header_decides_where_no_filter_does(world: Handles, admin: Actor) -> None:
    RESOURCES["account"].change(world, admin, "a", {"trusted": True})
    hand_in(world, admin, message(1, "X-OTOBO-Queue: Junk"), message(2, "X-OTOBO-Ignore: yes"))
    ignored, junk = tried(world, admin, a_filter("1", "Subject", "nothing", Queue="Raw"))
    assert told(junk) == (1, "recorded Junk", "recorded Junk", "Queue")
    assert told(ignored) == (2, "ignored", "ignored", "Ignore")


@pytest.mark.parametrize("last", [1, 3, 7, 500])
def test_the_last_messages_are_tried_newest_first_across_windows(
    world: Handles, admin: Actor, last: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "WINDOW_MESSAGES", 3)
    monkeypatch.setattr(stored, "WINDOW_BYTES", 300)
    hand_in(world, admin, *(message(number) for number in range(1, 8)))
    found = tried(world, admin, a_filter("1", "Subject", "x", Queue="Junk"), last)
    assert [one.id for one in found] == list(range(7, 0, -1))[:last]


def test_messages_of_a_deleted_account_are_tried_too(world: Handles, admin: Actor) -> None:
    hand_in(world, admin, message(1))
    RESOURCES["account"].delete(world, admin, "a")
    assert told(tried(world, admin, a_filter("1", "Subject", "Message", Queue="Junk"))[0])[2] == "recorded Junk"


def test_an_expression_that_runs_too_long_counts_as_no_match(world: Handles, admin: Actor) -> None:
    hand_in(world, admin, message(1, body="a" * 5000))
    (one,) = tried(world, admin, a_filter("1", "Body", "(a+)+$b", Queue="Junk"))
    assert told(one)[2] == "recorded Support"
    assert [complaint.what for complaint in one.after.complaints] == ["filter 1"]


def test_trying_changes_nothing(world: Handles, admin: Actor) -> None:
    hand_in(world, admin, message(1), message(2))
    models = {Account: "id", Message: "id", Record: "id", Run: "id"}
    before = {model: rows_of(world, model, order) for model, order in models.items()}
    tried(world, admin, a_filter("1", "Subject", "Message", Ignore="yes"))
    assert {model: rows_of(world, model, order) for model, order in models.items()} == before
    assert RESOURCES["filter"].get(world, admin, "010 printer")["stop"] is False


def test_a_row_of_json_tells_both_sides_and_what_differs(world: Handles, admin: Actor) -> None:
    hand_in(world, admin, message(1, "Subject: printer"))
    (one,) = tried(world, admin, a_filter("1", "Subject", "printer", Queue="Junk", Owner="ann"))
    (record,) = rows_of(world, Record, "id")
    shown = tried_as_json(one)
    assert (shown["id"], shown["state"], shown["record"], shown["rule"]) == (1, "recorded", record.number, "1")
    assert shown["before"] == {
        "state": "recorded", "queue": "Support", "record": record.number, "values": {"owner": None},
    }  # fmt: skip
    assert shown["after"] == {
        "state": "recorded", "queue": "Junk", "record": record.number, "values": {"owner": "ann"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "write [[filter]]"),
        ("[[queue]]\nname = 'x'\n", "write [[filter]]"),
        ("[[filter]]\nname = 'x'\n", "match"),
        (a_filter("x", "Subject", "(", Queue="Junk"), 'f.toml: filter "x"'),
        ("[[filter]]\nname = 'x'\nmatch = [ { header = 'A', regex = 'b' } ]\nset = { 'X-Nix' = 'y' }", "X-Nix"),
        ("nonsense", "not valid TOML"),
        ("[[filters]]\nname = 'x'\n", "filters"),
    ],
)
def test_filters_that_could_not_be_saved_are_refused_with_their_place(
    world: Handles, admin: Actor, text: str, said: str
) -> None:
    with pytest.raises(BadInput) as refused:
        tried(world, admin, text)
    assert said in str(refused.value)


def test_an_operator_may_try_and_a_viewer_may_not(world: Handles) -> None:
    filters = a_filter("1", "Subject", "x", Queue="Junk")
    assert tried(world, Actor("o", "h", Role.OPERATOR), filters) == []
    with pytest.raises(NotPermitted):
        tried(world, Actor("v", "h", Role.VIEWER), filters)


FORM = {"match": [{"header": "Subject", "regex": "printer"}], "set": {"X-OTOBO-Queue": "Junk"}, "stop": False}
"""A filter as it stands in a form."""


def test_a_filter_is_tried_as_it_stands_in_its_form_in_the_place_of_the_saved_one(world: Handles, admin: Actor) -> None:
    hand_in(world, admin, message(1, "Subject: printer"))
    (new,) = try_values(world, admin, {**FORM, "name": "020 new"})
    assert told(new) == (1, "recorded Support", "recorded Junk", "020 new")
    assert new.after.values["priority"] == "5 very high"
    # Renamed, it is not there a second time under its old name.
    (renamed,) = try_values(world, admin, {**FORM, "name": "030 renamed"}, name="010 printer")
    assert (renamed.step.rule, renamed.after.values["priority"]) == ("030 renamed", "3 normal")
    with pytest.raises(BadInput, match="condition"):
        try_values(world, admin, {"name": "x", "match": [], "set": FORM["set"]})
    with pytest.raises(NotPermitted):
        try_values(world, Actor("v", "h", Role.VIEWER), {**FORM, "name": "x"})


def test_a_stored_message_is_explained_by_todays_rules_on_its_own_record(world: Handles, admin: Actor) -> None:
    hand_in(world, admin, message(1, "Subject: printer"), message(2, "References: <1@mail.example.org>"))
    (record,) = rows_of(world, Record, "id")
    RESOURCES["address"].delete(world, admin, "support@example.com")
    first, answer = (explained_stored(world, admin, number) for number in (1, 2))
    assert (first.record_type, first.record, first.queue) == ("Ticket", record.number, "Raw")
    assert [step.rule for step in first.trail if step.stage == "filters"] == ["010 printer"]
    assert (answer.record_type, answer.record, answer.queue) == ("", record.number, "Support")
    assert len(rows_of(world, Message, "id")) == 2
    with pytest.raises(NotFound):
        explained_stored(world, admin, 3)
    with pytest.raises(NotPermitted):
        explained_stored(world, Actor("v", "h", Role.VIEWER), 1)
