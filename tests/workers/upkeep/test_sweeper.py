"""What is tidied once a minute: of the audit log what its retention lets go, and of orders what they brought sealed."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from core import clock
from core.db.bulk import table_of
from core.errors import NotFound
from core.handles import Handles
from core.models import (
    Account,
    Attempt,
    Audit,
    Mailbox,
    OutgoingMessage,
    OutgoingRaw,
    Profile,
    Recipient,
    Request,
    Run,
    Suppression,
    Token,
    Worker,
)
from core.models import Secret as StoredSecret
from core.outbound.sending.deliver import deliver_due
from core.outbox.suppression import note_hard_bounces
from core.secret import Secret
from core.services import requests, settings, suppressions
from core.services.actor import Actor
from core.services.configuration.accounts import accounts
from core.services.configuration.mailboxes import mailboxes
from core.services.configuration.profiles import profiles
from core.workers.orders import finish, take_orders
from core.workers.upkeep.sweeper import AT_ONCE
from tests.accounts import ON_SQLITE, rows_of
from tests.outbound import world
from tests.servers.smtp import Phase, RuledSink
from tests.services.worlds import add, put
from tests.workers.upkeep.sweeping import sweep


def _ages(handles: Handles) -> list[int]:
    now = clock.utcnow()
    return [(now - row.at).days for row in rows_of(handles, Audit, "id") if row.kind == "old"]


def test_the_audit_log_is_kept_for_ever_unless_its_retention_says_otherwise(handles: Handles, admin: Actor) -> None:
    for days in (400, 20):
        at = clock.utcnow() - timedelta(days=days)
        put(handles, Audit(at=at, actor="anna@here", verb="add", kind="old", name="x"))

    sweep(handles)
    assert _ages(handles) == [400, 20]

    settings.change(handles, admin, {"retention.audit": "365d"})
    sweep(handles)
    assert _ages(handles) == [20]


def test_what_an_order_brought_sealed_goes_when_it_is_over(handles: Handles, admin: Actor) -> None:
    requests.ask(handles, admin, "test", "account:new", values={"password": Secret("kanarienvogel")})
    (order,) = take_orders(handles, ("test",))
    assert rows_of(handles, Request, "id")[0].sealed_values

    finish(handles, order, ok=False)

    assert rows_of(handles, Request, "id")[0].sealed_values is None


def test_an_order_that_nobody_carries_out_is_closed_and_keeps_no_secret(handles: Handles, admin: Actor) -> None:
    for name in ("killed", "at work", "fresh", "stale"):
        requests.ask(handles, admin, "test", f"account:{name}", values={"password": Secret("kanarienvogel")})
        if name == "killed":
            take_orders(handles, ("test",))
            _write(handles, Request, col(Request.state) == "claimed", claimed_by="a worker that is gone")
        elif name == "at work":
            take_orders(handles, ("test",))
    now = clock.utcnow()
    put(handles, Worker(id=handles.worker_id, host="h", pid=1, started_at=now, heartbeat_at=now))
    _write(handles, Request, col(Request.subject) == "account:stale", asked_at=now - timedelta(minutes=11))

    sweep(handles)

    found = {row.subject.partition(":")[2]: row for row in rows_of(handles, Request, "id")}
    over = {name for name, row in found.items() if row.state == "failed" and row.ended_at and not row.sealed_values}
    assert over == {"killed", "stale"}
    assert found["at work"].state == "claimed"
    assert found["fresh"].state == "asked"


def _write(handles: Handles, model: Any, which: Any, **values: Any) -> None:
    statement = update(table_of(model)).where(which).values(**values)
    handles.database.writing(lambda session: session.connection().execute(statement) and None)


def _kept(handles: Handles) -> list[tuple[str, str]]:
    secrets = [(row.kind, row.field) for row in rows_of(handles, StoredSecret, "kind")]
    return sorted(secrets + [(row.kind, "token") for row in rows_of(handles, Token, "kind")])


def test_secrets_and_tokens_go_once_nobody_can_bring_their_resource_back(handles: Handles, admin: Actor) -> None:
    password = Secret("kanarienvogel")
    profile = {"provider": "custom", "method": "refresh_token", "client_secret": password}
    urls = {"token_url": "https://t.example.org/", "scopes": ["mail"]}
    add(handles, admin, "profile", "p", **profile, **urls)
    one = add(handles, admin, "account", "a", password=password)
    add(handles, admin, "account", "stays", password=password)
    box = add(handles, admin, "mailbox", "m", username="m@example.org", password=password)
    put(handles, Token(kind="account", owner_id=one), Token(kind="mailbox", owner_id=box))
    for resource, name in ((accounts, "a"), (mailboxes, "m"), (profiles, "p")):
        resource.delete(handles, admin, name)
    before = _kept(handles)

    sweep(handles)
    assert _kept(handles) == before

    for model in (Account, Mailbox, Profile):
        long_ago = clock.utcnow() - timedelta(hours=26)
        _write(handles, model, table_of(model).c.deleted_at.is_not(None), deleted_at=long_ago)
    sweep(handles)
    assert _kept(handles) == [("account", "password")]
    assert [row.name for row in rows_of(handles, Account, "id")] == ["a", "stays"]
    with pytest.raises(NotFound):
        accounts.restore(handles, admin, "a")


def test_sent_mail_is_kept_as_long_as_its_retention_says(handles: Handles, admin: Actor, smtp_sink: RuledSink) -> None:
    world.add_mailbox(handles, "main", smtp_sink, bcc=["later@example.org"])
    smtp_sink.rule(Phase.RCPT, "450 4.2.0 Later", matching="later@", nth=3)
    world.put(handles, 4, key="")
    deliver_due(handles, timeouts=world.QUICK)
    assert set(world.states(handles)) == {"sent"}
    world.put(handles)
    table, now = table_of(OutgoingMessage), clock.utcnow()
    aged = {"created_at": now - timedelta(days=40), "settled_at": now - timedelta(days=31)}
    _write(handles, OutgoingMessage, table.c.state == "sent", **aged)
    _write(handles, OutgoingMessage, table.c.id == 1, record_id=7)
    _write(handles, OutgoingMessage, table.c.id == 2, settled_at=now - timedelta(days=29))
    # Its Bcc recipient is to have it yet.
    [waiting] = [row.outgoing_id for row in rows_of(handles, Recipient, "id") if row.state == "deferred"]

    settings.change(handles, admin, {"retention.outbox": "0"})
    sweep(handles)
    assert len(world.rows(handles)) == 5
    settings.change(handles, admin, {"retention.outbox": "30d"})
    sweep(handles)

    left = [row.id for row in world.rows(handles)]
    assert left == sorted({1, 2, 5, waiting})
    for model in (Attempt, Recipient, OutgoingRaw):
        assert {row.outgoing_id for row in rows_of(handles, model, "outgoing_id")} <= set(left)


def test_a_suppressed_address_is_forgotten_when_its_time_is_over_unless_mail_waits_for_it(
    handles: Handles, admin: Actor, smtp_sink: RuledSink
) -> None:
    world.add_mailbox(handles, "main", smtp_sink)
    now = clock.utcnow()
    for address, days, bounces in (("new@x.example", 20, 2), ("old@x.example", 31, 2), ("once@x.example", 31, 1),
                                   ("waits@x.example", 29, 2)):  # fmt: skip
        for _ in range(bounces):
            at = now - timedelta(days=days)
            handles.database.writing(lambda session: note_hard_bounces(session, [(address, "gone")], at))  # noqa: B023
    world.put(handles, to=("waits@x.example",))
    deliver_due(handles, timeouts=world.QUICK)
    assert world.states(handles) == ["held"]
    long_ago = now - timedelta(days=31)
    _write(handles, Suppression, table_of(Suppression).c.address == "waits@x.example", last_at=long_ago, held_until=now)

    sweep(handles)
    assert [row.address for row in rows_of(handles, Suppression, "id")] == ["new@x.example", "waits@x.example"]

    suppressions.release(handles, admin, ["waits@x.example"])
    world.change(handles, OutgoingMessage, next_attempt_at=now)
    assert deliver_due(handles, timeouts=world.QUICK).sent == 1
    sweep(handles)
    assert [row.address for row in rows_of(handles, Suppression, "id")] == ["new@x.example"]


@ON_SQLITE
def test_a_sweep_that_is_to_end_leaves_the_rest_to_the_next_one(handles: Handles) -> None:
    long_ago = clock.utcnow() - timedelta(days=99)
    old = [Run(account_id=1, account="a", started_at=long_ago, ended_at=long_ago) for _ in range(AT_ONCE + 20)]
    put(handles, *old)
    stop = threading.Event()
    stop.set()

    sweep(handles, stop)
    assert len(rows_of(handles, Run, "id")) == 20
    sweep(handles)
    assert rows_of(handles, Run, "id") == []
