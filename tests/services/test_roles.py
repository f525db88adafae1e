"""Every service × every role: who may what is decided below console and command line, and nothing is forgotten."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

import core.services
from core.clock import utcnow
from core.environment import Environment
from core.errors import NotFound, NotPermitted
from core.handles import Handles
from core.resources.catalogue import AUDIT, KINDS, kind_named
from core.services import requests, settings
from core.services.actor import Actor, Role
from core.services.configuration.catalogue import RESOURCES
from core.services.connection_tests import test_orders
from core.services.editing.verbs import Resource
from core.services.lists import search
from core.services.looking import details
from tests.accounts import ON_SQLITE
from tests.services.worlds import add

ADMIN, OPERATOR, VIEWER = (Actor(role.value, "here", role) for role in Role)

BOTH, OPERATORS, NOBODY = {Role.OPERATOR, Role.VIEWER}, {Role.OPERATOR}, set[Role]()
"""Who may beside a super security admin, who may everything."""

MAY: dict[str, set[Role]] = {
    "config_export.export_text": NOBODY,
    "config_text.diff": NOBODY,
    "config_text.import_entries": NOBODY,
    "config_text.import_text": NOBODY,
    "databases.back_up": NOBODY,
    "databases.copy_to": NOBODY,
    "databases.put_back": NOBODY,
    "deliveries.cancel": OPERATORS,
    "deliveries.retry": OPERATORS,
    "erasure.erase": NOBODY,
    "erasure.found": NOBODY,
    "explaining.explained": OPERATORS,
    "explaining.explained_stored": OPERATORS,
    "intake.foreseen": OPERATORS,
    "intake.take_in": OPERATORS,
    "keys.give_up_lost": NOBODY,
    "keys.rotate": NOBODY,
    "messages.outgoing_raw": BOTH,
    "messages.raw": BOTH,
    "outbox.cancel": OPERATORS,
    "outbox.hold": OPERATORS,
    "outbox.release": OPERATORS,
    "outbox.retry": OPERATORS,
    "pictures.account_health": BOTH,
    "pictures.mailbox_health": BOTH,
    "pictures.outbox_by_state": BOTH,
    "pictures.strips": BOTH,
    "pictures.throughput": BOTH,
    "migration.migrate": NOBODY,
    "quarantine.delete": NOBODY,
    "quarantine.edit": OPERATORS,
    "quarantine.export": OPERATORS,
    "quarantine.release": OPERATORS,
    "quarantine.retry": OPERATORS,
    "quarantine.waiting": BOTH,
    "reading.outgoing": BOTH,
    "reading.read": BOTH,
    "records.change": OPERATORS,
    "reply.heading": OPERATORS,
    "reply.reply": OPERATORS,
    "roundtrip.round_trip": OPERATORS,
    "route.simulate": BOTH,
    "runs.recent": BOTH,
    "runs.running": BOTH,
    "runs.tail": BOTH,
    "settings.change": NOBODY,
    "settings.read": BOTH,
    "sign_in.by_device": NOBODY,
    "sign_in.finish": NOBODY,
    "sign_in.flow_for": NOBODY,
    "sign_in.in_browser": NOBODY,
    "sign_in_status.standings": BOTH,
    "stored_rule.apply": NOBODY,
    "stored_rule.count": NOBODY,
    "suppressions.release": OPERATORS,
    "test_orders.round_trip": OPERATORS,
    "testing.test_account": OPERATORS,
    "testing.test_mailbox": OPERATORS,
    "trying.try_text": OPERATORS,
    "trying.try_values": OPERATORS,
    "where.where": BOTH,
}
"""Functions of the services that are asked by somebody, and who may. Those that take a kind are walked on their own."""

BY_KIND = {
    "details.show",
    "search.count",
    "search.cursor_named",
    "search.matching",
    "test_orders.steps",
    "requests.ask",
}
INNER = {
    "audit.note", "config_entries.", "sign_in_orders.by_code", "sign_in_orders.by_device", "settings.apply",
    "search.seen_by", "token_step.", "writing.write", "access.", "legacy",
}  # fmt: skip
"""Called by those above within their transaction, or the decision itself."""

ASKED_BY_NOBODY = {
    "actor.current_actor": "says who asks",
    "attention.notice_unattended": "an alert that no worker is there, whoever sees it",
    "databases.refuse_workers": "names workers, nothing else",
    "explaining.account_named": "a name to an id, for `explained`",
    "handed_in.take_in": "what lies in the drop folder was handed in already, by whoever may",
    "keys.noted_key": "an id, no key",
    "keys.unopened": "names of what does not open",
    "messages.not_kept": "why bytes are not here, for those who asked for them",
    "overview.overview": "five numbers for the header",
    "requests.any_worker_alive": "yes or no",
    "requests.follow": "how an order goes, for who knows its number",
    "requests.require_worker": "refuses",
    "servers.servers": "a sentence for each that does not get in; doctor, which anybody may run",
    "settings.check": "what is wrong with values; nothing is shown or written",
    "settings.rows": "for `search`, which asks",
    "test_orders.carry_out": "a worker's side; who may was asked when the order was written",
    "tested.is_untested": "yes or no",
    "tested.remember": "a worker's or a test's side",
    "tested.untested_among": "names of what was just saved",
    "trying.read_filters": "reads a text",
    "waiting_mail.why_nothing_leaves": "numbers, times and our own reasons; deliver, which asked already",
    "watching.refuse_migrated_database": "refuses",
    "watching.watch": "which topics moved",
}
"""Functions that take handles and ask for no role, and why that is fine."""


class Reached(Exception):
    """The role was no hindrance: the work began."""


class Untouched:
    """Stands for what a process holds open; the first touch shows that no role was in the way."""

    def __getattr__(self, name: str) -> Any:
        raise Reached(name)


def functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    for module in pkgutil.walk_packages(core.services.__path__, "core.services."):
        loaded = importlib.import_module(module.name)
        for name, value in vars(loaded).items():
            is_own = getattr(value, "__module__", "") == loaded.__name__
            if inspect.isfunction(value) and is_own and not name.startswith("_"):
                yield f"{module.name.rpartition('.')[2]}.{name}", value


def outcome(call: Callable[..., Any], actor: Actor, **given: Any) -> bool:
    """Whether somebody may: all that has no default is given something."""
    needed = {
        name: given.get(name, "x")
        for name, one in inspect.signature(call).parameters.items()
        if one.default is inspect.Parameter.empty or name in given
    }
    needed |= {"actor": actor}
    if "handles" in needed:
        needed["handles"] = Untouched()
    try:
        result = call(**needed)
        if inspect.isgenerator(result):
            next(result)
    except NotPermitted:
        return False
    except Reached:
        return True
    return True


STUBS: dict[str, dict[str, Any]] = {
    "erasure.found": {"address": "a@example.org", "tell": lambda *_: None},
    "erasure.erase": {"there": Untouched()},
    "databases.put_back": {"environment": Untouched()},
    "sign_in.finish": {"browser": SimpleNamespace(whose=SimpleNamespace(kind="account"))},
    "config_text.diff": {"text": ""},
    "config_text.import_text": {"text": ""},
    "migration.migrate": {"data": b"mail.smtp.host=smtp.example.org\n"},
    "trying.try_text": {"text": ""},
    "deliveries.cancel": {"ids": [1]},
    "deliveries.retry": {"ids": [1]},
    "outbox.cancel": {"ids": [1]},
    "outbox.hold": {"ids": [1]},
    "outbox.release": {"ids": [1]},
    "outbox.retry": {"ids": [1]},
    "pictures.throughput": {"now": utcnow()},
    "route.simulate": {"sender": "a@example.org", "recipient": "b@example.org"},
    "sign_in.by_device": {"kind": "account"},
    "sign_in.flow_for": {"kind": "account"},
    "sign_in.in_browser": {"kind": "account"},
    "config_text.import_entries": {"read": Untouched()},
    "quarantine.edit": {"edited": b"From: a@example.org\r\n\r\nText"},
    "reading.outgoing": {"outgoing_id": 1},
    "reading.read": {"message_id": 1},
}


def test_every_function_says_who_may() -> None:
    unsaid = {
        name
        for name, function in functions()
        if {"actor", "handles"} & set(inspect.signature(function).parameters)
        and name not in {*MAY, *BY_KIND, *ASKED_BY_NOBODY}
        and not name.startswith(tuple(INNER))
    }

    assert unsaid == set(), "say in MAY who may beside an admin, or in ASKED_BY_NOBODY why nobody is asked"


@pytest.mark.parametrize("name", MAY)
def test_who_may_and_nobody_else(name: str) -> None:
    function = dict(functions())[name]
    stubs = STUBS.get(name, {})

    allowed = {actor.role for actor in (OPERATOR, VIEWER) if outcome(function, actor, **stubs)}

    assert allowed == MAY[name]
    assert outcome(function, ADMIN, **stubs)


@pytest.mark.parametrize("kind", [kind for kind in KINDS], ids=lambda kind: kind.name)
@pytest.mark.parametrize("actor", [OPERATOR, VIEWER], ids=lambda actor: actor.role.value)
def test_all_look_at_all_but_templates(actor: Actor, kind: Any) -> None:
    for function in (search.matching, search.count, details.show):
        assert outcome(function, actor, kind=kind) == (kind.name != "template")


@pytest.mark.parametrize("name", RESOURCES)
@pytest.mark.parametrize("actor", [OPERATOR, VIEWER], ids=lambda actor: actor.role.value)
def test_nobody_else_changes_what_is_configured(actor: Actor, name: str) -> None:
    resource = RESOURCES[name]
    changing = {verb: getattr(resource, verb) for verb in ("add", "change", "delete", "restore", "restorable")}

    assert {verb: outcome(call, actor, given={}) for verb, call in changing.items()} == dict.fromkeys(changing, False)
    assert all(outcome(call, ADMIN, given={}) for call in changing.values())
    assert outcome(resource.get, actor) == (name != "template")
    assert {verb for verb, _ in inspect.getmembers(Resource, inspect.isfunction) if not verb.startswith("_")} == {
        *changing, "get", "matching", "check", "warnings",
    }  # fmt: skip


def test_run_control_is_an_operators_and_validity_is_not() -> None:
    accounts = RESOURCES["account"]

    for verb in ("pause", "resume", "stop"):
        assert outcome(getattr(accounts, verb), OPERATOR)
        assert not outcome(getattr(accounts, verb), VIEWER)
    assert not outcome(accounts.set_validity, OPERATOR)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("verb", "subject", "allowed"),
    [
        ("fetch", "account:a", OPERATORS),
        ("deliver", "outbox:", OPERATORS),
        ("test", "account:a", OPERATORS),
        ("test", "mailbox:a", OPERATORS),
        ("sign in", "account:a", NOBODY),
        ("anything", "account:a", NOBODY),
    ],
)
def test_an_order_needs_the_role_of_what_it_asks_for(verb: str, subject: str, allowed: set[Role]) -> None:
    may = {actor.role for actor in (OPERATOR, VIEWER) if outcome(requests.ask, actor, verb=verb, subject=subject)}

    assert may == allowed


def test_values_that_are_not_saved_are_tested_by_who_may_save_them() -> None:
    account = kind_named("account")

    assert outcome(test_orders.steps, OPERATOR, kind=account, what="a")
    assert not outcome(test_orders.steps, OPERATOR, kind=account, what={"host": "mine.example.org"})
    assert outcome(test_orders.steps, ADMIN, kind=account, what={"host": "mine.example.org"})


@ON_SQLITE
def test_what_the_audit_log_says_of_templates_is_hidden_with_them(handles: Handles, admin: Actor) -> None:
    add(handles, admin, "template", "secluded")
    add(handles, admin, "queue", "open")
    (line,) = [row for row in search.matching(handles, admin, AUDIT).rows if row["kind"] == "template"]

    assert {row["kind"] for row in search.matching(handles, OPERATOR, AUDIT).rows} == {"queue"}
    assert search.count(handles, VIEWER, AUDIT) == 1
    with pytest.raises(NotFound, match="no line of the audit log"):
        details.show(handles, VIEWER, AUDIT, line["id"])


@ON_SQLITE
def test_a_refusal_names_who_what_and_the_role(handles: Handles, environment: Environment) -> None:
    with pytest.raises(NotPermitted, match=r"operator is operator here and may not change this \(setting\)"):
        settings.change(handles, OPERATOR, {"default_queue": "Junk"})
