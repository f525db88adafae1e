"""The verbs that every kind has, on every kind and both engines."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import Session

from core.clock import utcnow
from core.db.bulk import table_of
from core.errors import BadInput, NotFound, NotPermitted
from core.handles import Handles
from core.resources.catalogue import CONFIGURED
from core.services.actor import Actor, Role
from core.services.configuration.catalogue import RESOURCES
from tests.services.worlds import LEAST, add, name_for

KINDS = [kind.name for kind in CONFIGURED]


def _refused(handles: Handles, admin: Actor, kind: str, name: str, **given: Any) -> dict[str, str]:
    with pytest.raises(BadInput) as refused:
        add(handles, admin, kind, name, **given)
    return {problem.field: problem.text for problem in refused.value.problems}


@pytest.mark.parametrize("kind", KINDS)
def test_add_get_change_delete_restore(handles: Handles, admin: Actor, kind: str) -> None:
    resource, name = RESOURCES[kind], name_for(kind, "New")
    row_id = add(handles, admin, kind, name)

    values = resource.get(handles, admin, name)
    assert (values["id"], values["version"], values[resource.kind.key]) == (row_id, 1, name)
    assert resource.get(handles, admin, row_id) == values
    assert [row["id"] for row in resource.matching(handles, admin, name).rows] == [row_id]

    renamed = name_for(kind, "Renamed")
    assert resource.change(handles, admin, name, {resource.kind.key: renamed}).version == 2
    with pytest.raises(NotFound):
        resource.get(handles, admin, name)

    resource.delete(handles, admin, renamed)
    assert resource.matching(handles, admin, renamed).rows == []
    with pytest.raises(NotFound):
        resource.get(handles, admin, renamed)

    resource.restore(handles, admin, renamed)
    assert resource.get(handles, admin, renamed)["id"] == row_id


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_that_changes_nothing_writes_nothing(handles: Handles, admin: Actor, kind: str) -> None:
    name = name_for(kind, "Same")
    add(handles, admin, kind, name)

    saved = RESOURCES[kind].change(handles, admin, name, LEAST[kind])

    assert not saved.is_changed
    assert saved.version == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_is_taken_once_and_free_again_when_deleted(handles: Handles, admin: Actor, kind: str) -> None:
    resource, name = RESOURCES[kind], name_for(kind, "Name")
    add(handles, admin, kind, name)

    assert "is taken" in _refused(handles, admin, kind, name)[resource.kind.key]
    resource.delete(handles, admin, name)
    add(handles, admin, kind, name)
    with pytest.raises(BadInput, match="is taken"):
        resource.restore(handles, admin, name)


@pytest.mark.parametrize("kind", KINDS)
def test_required_fields_that_are_missing_are_all_named(handles: Handles, admin: Actor, kind: str) -> None:
    resource = RESOURCES[kind]
    with pytest.raises(BadInput) as refused:
        resource.add(handles, admin, "", {})

    missing = {problem.field for problem in refused.value.problems if "must be given" in problem.text}
    assert missing >= {field.name for field in resource.kind.fields if field.is_required}


@pytest.mark.parametrize("kind", KINDS)
def test_a_form_is_checked_without_writing(handles: Handles, admin: Actor, kind: str) -> None:
    resource = RESOURCES[kind]
    given = {**LEAST[kind], resource.kind.key: name_for(kind, "Form")}

    assert resource.check(handles, given) == []
    assert {problem.field for problem in resource.check(handles, {**given, "no_such": 1})} == {"no_such"}
    assert resource.matching(handles, admin, "Form").rows == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
def test_only_a_super_security_admin_configures(handles: Handles, admin: Actor, kind: str, role: Role) -> None:
    resource, name, other = RESOURCES[kind], name_for(kind, "Name"), Actor("otto", "h", role)
    add(handles, admin, kind, name)

    for attempt in (
        lambda: resource.add(handles, other, "x", {}),
        lambda: resource.change(handles, other, name, {}),
        lambda: resource.delete(handles, other, name),
        lambda: resource.restore(handles, other, name),
    ):
        with pytest.raises(NotPermitted, match="otto"):
            attempt()


def test_every_problem_is_told_at_once(handles: Handles, admin: Actor) -> None:
    complaints = _refused(
        handles, admin, "account", "a", type="x", port=99999999, hostt="h", queue="No", interval="soon", folders=[]
    )

    assert complaints["port"] == "is a number from 1 to 65535; 99999999 is not."
    assert complaints["queue"] == "there is no queue 'No'."
    assert complaints["hostt"] == "is no field of an account. Did you mean host?"
    assert set(complaints) == {"type", "port", "hostt", "queue", "interval", "folders"}


@pytest.mark.parametrize(
    ("kind", "given", "field"),
    [
        ("profile", {"provider": "nobody"}, "provider"),
        ("profile", {"provider": "office365", "method": "by hand", "tenant_id": ""}, "method"),
        ("handoff", {"command": "", "url": "http://crm.example.org/"}, "url"),
        ("account", {"type": "IMAPX", "after_fetch": "move", "move_to": "Done"}, "type"),
        ("account", {"dispatching": "que", "queue": "Raw"}, "dispatching"),
    ],
)
def test_what_is_in_the_place_of_an_unreadable_value_is_blamed_for_nothing(
    handles: Handles, admin: Actor, kind: str, given: dict[str, Any], field: str
) -> None:
    assert set(_refused(handles, admin, kind, "New", **given)) == {field}


def test_addresses_are_one_whatever_their_case(handles: Handles, admin: Actor) -> None:
    add(handles, admin, "address", "help@example.org")

    assert "is taken" in _refused(handles, admin, "address", "Help@Example.ORG")["address"]


def test_an_older_version_is_not_saved_over_a_newer(handles: Handles, admin: Actor) -> None:
    add(handles, admin, "queue", "Q")
    RESOURCES["queue"].change(handles, admin, "Q", {"comment": "newer"}, version=1)

    with pytest.raises(BadInput, match="changed by somebody else"):
        RESOURCES["queue"].change(handles, admin, "Q", {"comment": "older"}, version=1)
    assert RESOURCES["queue"].get(handles, admin, "Q")["comment"] == "newer"


def test_what_was_deleted_a_day_ago_stays_gone(handles: Handles, admin: Actor) -> None:
    add(handles, admin, "queue", "Q")
    RESOURCES["queue"].delete(handles, admin, "Q")
    table = table_of(RESOURCES["queue"].kind.model)
    long_ago = utcnow() - timedelta(hours=25)

    def age(session: Session) -> None:
        session.connection().execute(update(table).where(table.c.name == "Q").values(deleted_at=long_ago))

    handles.database.writing(age)

    with pytest.raises(NotFound, match="last 24 hours"):
        RESOURCES["queue"].restore(handles, admin, "Q")


def test_an_unknown_name_is_answered_with_the_nearest(handles: Handles, admin: Actor) -> None:
    with pytest.raises(NotFound, match=re.escape("There is no queue 'Jnuk'. Did you mean 'Junk'?")):
        RESOURCES["queue"].get(handles, admin, "Jnuk")
    with pytest.raises(NotFound, match="postroom list queue"):
        RESOURCES["queue"].get(handles, admin, "zzzzzz")


@pytest.mark.parametrize("secret", ["kanarienvogel", {"env": "POSTROOM_TEST_SECRET"}])
def test_a_secret_is_set_and_never_shown(
    handles: Handles, admin: Actor, monkeypatch: pytest.MonkeyPatch, secret: object
) -> None:
    monkeypatch.setenv("POSTROOM_TEST_SECRET", "kanarienvogel")
    row_id = add(handles, admin, "account", "a", password=secret)

    values = RESOURCES["account"].get(handles, admin, "a")
    assert values["password"] == "set"
    assert values["refresh_token"] == "not set"
    assert "kanarienvogel" not in str(values)
    with handles.database.reading() as session:
        kept = handles.vault.fetch(session, "account", row_id, "password")
    assert kept is not None
    assert kept.reveal() == "kanarienvogel"


def test_an_empty_secret_keeps_what_is_there_and_none_drops_it(handles: Handles, admin: Actor) -> None:
    accounts = RESOURCES["account"]
    add(handles, admin, "account", "a", password="first")

    assert not accounts.change(handles, admin, "a", {"password": ""}).is_changed
    assert not accounts.change(handles, admin, "a", {"password": "first"}).is_changed
    assert accounts.get(handles, admin, "a")["password"] == "set"
    assert accounts.change(handles, admin, "a", {"password": None}).is_changed
    assert accounts.get(handles, admin, "a")["password"] == "not set"


@pytest.mark.parametrize(
    "secret",
    [
        {"env": "POSTROOM_NOT_SET"},
        {"file": "/nowhere"},
        {"ref": "vault:x"},
        {"other": "x"},
        5,
        {"env": "A", "ref": "B"},
    ],
)
def test_a_secret_that_cannot_be_read_is_refused(handles: Handles, admin: Actor, secret: object) -> None:
    assert set(_refused(handles, admin, "account", "a", password=secret)) == {"password"}


def test_a_restored_account_has_its_secret_and_links(handles: Handles, admin: Actor) -> None:
    accounts = RESOURCES["account"]
    row_id = add(handles, admin, "account", "a", password="x", dispatching="queue", queue="Junk")
    accounts.delete(handles, admin, "a")
    accounts.restore(handles, admin, "a")

    values = accounts.get(handles, admin, "a")
    assert (values["id"], values["password"], values["queue"]) == (row_id, "set", "Junk")


@pytest.mark.parametrize("text", ["two\nlines", "null\x00", "bell\x07", "esc\x1b[2J", "half \ud800"])
def test_text_that_cannot_be_stored_or_shown_is_refused(handles: Handles, admin: Actor, text: str) -> None:
    assert set(_refused(handles, admin, "queue", "Q", comment=text)) == {"comment"}
