"""Who somebody is, and what each role may do."""

import grp
import os
import pwd

import pytest

from core.db.names import FIRST_ADMIN
from core.errors import NotPermitted
from core.handles import Handles
from core.models import Setting
from core.services import access, settings
from core.services.actor import Actor, Role, current_actor, groups_of, role_of
from core.settings import RoleSettings

ROLES = RoleSettings(admins=["anna"], operators=["otto", "@mail"], viewers=["@staff", "otto"])


@pytest.mark.parametrize(
    ("user", "groups", "role"),
    [
        ("anna", [], Role.SUPER_SECURITY_ADMIN),
        ("otto", ["staff"], Role.OPERATOR),
        ("mia", ["mail"], Role.OPERATOR),
        ("vera", ["staff"], Role.VIEWER),
        ("vera", ["mail", "staff"], Role.OPERATOR),
        ("mail", [], None),  # a user is not the group of that name
        ("eve", [], None),
        ("", [], None),
    ],
)
def test_the_highest_role_that_is_given_counts(user: str, groups: list[str], role: Role | None) -> None:
    assert role_of(user, groups, ROLES) == role


@pytest.mark.parametrize(
    ("verb", "kind", "operator", "viewer"),
    [
        ("see", "account", True, True),
        ("see", "audit", True, True),
        ("see", "template", False, False),
        ("fetch", "account", True, False),
        ("pause", "account", True, False),
        ("test", "mailbox", True, False),
        ("retry", "quarantine", True, False),
        ("release", "outbox", True, False),
        ("change", "record", True, False),
        ("change", "account", False, False),
        ("change", "mailbox", False, False),
        ("change", "setting", False, False),
        ("add", "queue", False, False),
        ("delete", "quarantine", False, False),
        ("import", "configuration", False, False),
        ("export", "configuration", False, False),
    ],
)
def test_each_role_may_what_it_may(verb: str, kind: str, operator: bool, viewer: bool) -> None:
    may = {role: access.may(Actor("x", "h", role), verb, kind) for role in Role}

    assert may == {Role.SUPER_SECURITY_ADMIN: True, Role.OPERATOR: operator, Role.VIEWER: viewer}


def test_a_refusal_names_the_person_the_role_and_the_deed() -> None:
    with pytest.raises(NotPermitted, match=r"vera is viewer here and may not fetch this \(account\)"):
        access.require(Actor("vera", "h", Role.VIEWER), "fetch", "account")


def _as(monkeypatch: pytest.MonkeyPatch, user: pwd.struct_passwd) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user.pw_uid)


def test_a_stranger_has_no_role_until_the_settings_give_one(
    handles: Handles, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = pwd.getpwnam("nobody")
    _as(monkeypatch, stranger)

    with pytest.raises(NotPermitted, match="nobody has no role here"):
        current_actor(handles)
    settings.change(handles, admin, {"roles.operators": ["nobody"]})
    assert current_actor(handles) == Actor("nobody", handles.host, Role.OPERATOR)
    settings.change(handles, admin, {"roles.admins": [f"@{grp.getgrgid(stranger.pw_gid).gr_name}"]})
    assert current_actor(handles).role is Role.SUPER_SECURITY_ADMIN


@pytest.mark.parametrize(
    ("user", "first", "is_admin"),
    [
        ("root", "anna", True),
        ("root", None, True),
        ("nobody", "nobody", True),
        ("nobody", "anna", False),
        ("nobody", None, False),
    ],
)
def test_root_and_who_made_the_first_start_are_admins_whatever_the_settings_say(
    handles: Handles, monkeypatch: pytest.MonkeyPatch, user: str, first: str | None, is_admin: bool
) -> None:
    handles.database.writing(lambda session: session.delete(session.get_one(Setting, FIRST_ADMIN)))
    if first is not None:
        handles.database.writing(lambda session: session.add(Setting(name=FIRST_ADMIN, value=first)))
    _as(monkeypatch, pwd.getpwnam(user))

    if is_admin:
        assert current_actor(handles) == Actor(user, handles.host, Role.SUPER_SECURITY_ADMIN)
    else:
        with pytest.raises(NotPermitted):
            current_actor(handles)


@pytest.mark.parametrize(
    ("role", "hidden"),
    [(Role.SUPER_SECURITY_ADMIN, set()), (Role.OPERATOR, {"template"}), (Role.VIEWER, {"template"})],
)
def test_what_the_audit_log_hides_from_whom(role: Role, hidden: set[str]) -> None:
    assert access.hidden_from(Actor("x", "h", role)) == hidden


def test_an_unknown_user_is_in_no_group() -> None:
    assert groups_of("no-such-user") == []


def test_a_group_without_a_name_hides_none_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {7: "mail", 9: "staff"}
    monkeypatch.setattr(os, "getgrouplist", lambda _user, _group: [7, 8, 9])
    monkeypatch.setattr(grp, "getgrgid", lambda key: grp.struct_group((names[key], "x", key, [])))
    assert groups_of("nobody") == ["mail", "staff"]


def test_the_audit_log_names_user_and_machine() -> None:
    assert str(Actor("anna", "mail01", Role.VIEWER)) == "anna@mail01"
