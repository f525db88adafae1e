"""What a person sees and orders while mail flows: runs, requests, records, details, outbox, quarantine, overview."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import Session, col, select

from core.clock import utcnow
from core.db.bulk import table_of
from core.db.changes import Watcher
from core.errors import BadInput, Misuse, NotFound, NotPermitted, WorkerNeeded
from core.handles import Handles
from core.models import (
    Alert,
    Attempt,
    Message,
    OutgoingMessage,
    OutgoingRaw,
    Quarantine,
    RawMessage,
    Recipient,
    Record,
    Request,
    RequestEvent,
    RequestState,
    Run,
    RunEvent,
    Worker,
)  # fmt: skip
from core.resources.catalogue import kind_named
from core.secret import Secret
from core.services import messages, outbox, overview, quarantine, records, requests, runs, settings
from core.services.actor import Actor, Role
from core.services.details import show
from core.workers.orders import finish, report, take_orders
from tests.services.worlds import NOW, add, put, shown

OPERATOR = Actor("otto", "h", Role.OPERATOR)
VIEWER = Actor("vera", "h", Role.VIEWER)


def _message(number: int, **more: Any) -> Message:
    values = {"account_id": 1, "uid": number, "state": "recorded", "received_at": NOW, "folder": "INBOX", **more}
    return Message(id=number, **values)


def _record(**more: Any) -> Record:
    return Record(id=7, number="2026112010000042", queue_id=1, created_at=NOW, updated_at=NOW, **more)


def _outgoing(state: str = "queued") -> OutgoingMessage:
    return OutgoingMessage(message_id="<1@h>", created_at=NOW, next_attempt_at=NOW, state=state)


# Runs


def _lines(handles: Handles, run: int, first: int, last: int, level: str = "info") -> None:
    def work(session: Session) -> None:
        for seq in range(first, last + 1):
            session.add(
                RunEvent(run_id=run, seq=seq, at=NOW + timedelta(seconds=seq), text=f"{run}.{seq}", level=level)
            )
        table = table_of(Run)
        session.connection().execute(update(table).where(table.c.id == run).values(last_seq=last))

    handles.database.writing(work)


def _texts(rows: list[dict[str, Any]]) -> list[str]:
    return [row["text"] for row in rows]


def test_a_tail_gives_what_was_not_seen_of_every_run(handles: Handles, admin: Actor) -> None:
    put(handles, *(Run(account_id=n, account=f"a{n}", started_at=NOW) for n in (1, 2)))
    _lines(handles, 1, 1, 3)
    _lines(handles, 2, 1, 1)

    first = runs.tail(handles, admin, {})
    assert sorted(_texts(first)) == ["1.1", "1.2", "1.3", "2.1"]
    assert {row["account"] for row in first} == {"a1", "a2"}
    assert runs.tail(handles, admin, {1: 3, 2: 1}) == []

    _lines(handles, 2, 2, 3)
    put(handles, Run(account_id=3, account="a3", started_at=NOW))
    _lines(handles, 3, 1, 1)
    assert sorted(_texts(runs.tail(handles, admin, {1: 3, 2: 1}))) == ["2.2", "2.3", "3.1"]


def test_a_tail_gives_whoever_is_far_behind_the_newest_lines(handles: Handles, admin: Actor) -> None:
    put(handles, *(Run(account_id=n, account=f"a{n}", started_at=NOW) for n in (1, 2)))
    _lines(handles, 1, 1, 50)
    _lines(handles, 2, 1, 49)

    assert _texts(runs.tail(handles, admin, {}, at_most=3)) == ["1.49", "2.49", "1.50"]
    assert _texts(runs.tail(handles, admin, {1: 48, 2: 10}, at_most=3)) == ["1.49", "2.49", "1.50"]


def test_a_tail_leaves_out_what_is_below_its_level(handles: Handles, admin: Actor) -> None:
    put(handles, Run(account_id=1, account="a", started_at=NOW))
    _lines(handles, 1, 1, 2, "debug")
    _lines(handles, 1, 3, 3, "warning")

    assert _texts(runs.tail(handles, admin, {}, level="info")) == ["1.3"]


def test_running_runs_are_those_at_work(handles: Handles, admin: Actor) -> None:
    put(
        handles,
        Run(account_id=1, account="a", started_at=NOW),
        Run(account_id=2, account="b", started_at=NOW, state="ok"),
    )

    assert [row["account"] for row in runs.running(handles, admin)] == ["a"]
    assert [row["account"] for row in runs.recent(handles, admin)] == ["b", "a"]


# Requests


def test_an_order_is_a_row_and_its_events_are_followed(handles: Handles) -> None:
    put(handles, _worker("w", 1))
    watcher = Watcher(handles.database)
    order = requests.ask(handles, OPERATOR, "fetch", "account:support", arguments={"debug": True})

    assert "request" in watcher.changed()
    watcher.close()
    assert requests.follow(handles, order).state is RequestState.ASKED
    put(handles, *(RequestEvent(request_id=order, seq=seq, at=NOW, step=f"s{seq}") for seq in (1, 2, 3)))

    def finish(session: Session) -> None:
        table = table_of(Request)
        session.connection().execute(update(table).where(table.c.id == order).values(state="done", run_id=5))

    handles.database.writing(finish)
    progress = requests.follow(handles, order, 1)
    assert [event["step"] for event in progress.events] == ["s2", "s3"]
    assert (progress.is_over, progress.run_id) == (True, 5)
    with handles.database.reading() as session:
        row = session.get(Request, order)
    assert row is not None
    assert shown(row.model_dump(), "kind", "subject", "arguments", "asked_by") == {
        "kind": "fetch", "subject": "account:support", "arguments": {"debug": True}, "asked_by": "otto@h",
    }  # fmt: skip


def test_values_of_an_order_are_sealed(handles: Handles, admin: Actor) -> None:
    values = {"host": "h", "password": Secret("kanarienvogel")}
    order = requests.ask(handles, admin, "test", "account:new", values=values)

    with handles.database.reading() as session:
        row = session.get(Request, order)
    assert row is not None
    assert b"kanarienvogel" not in (row.sealed_values or b"")
    assert handles.vault.open_values(row.sealed_values or b"") == values


def test_an_order_needs_its_role(handles: Handles) -> None:
    with pytest.raises(NotPermitted):
        requests.ask(handles, VIEWER, "fetch", "account:support")
    with pytest.raises(NotFound):
        requests.follow(handles, 999)


def _worker(name: str, seconds_ago: float) -> Worker:
    beat = utcnow() - timedelta(seconds=seconds_ago)
    return Worker(id=name, host="h", pid=1, started_at=beat, heartbeat_at=beat)


def _write_worker(handles: Handles, name: str, seconds_ago: float) -> None:
    beat = update(table_of(Worker)).where(col(Worker.id) == name)
    at = utcnow() - timedelta(seconds=seconds_ago)
    handles.database.writing(lambda session: session.connection().execute(beat.values(heartbeat_at=at)) and None)


def test_a_worker_is_alive_while_its_heart_beats(handles: Handles) -> None:
    put(handles, _worker("dead", 120))
    assert not requests.any_worker_alive(handles)

    put(handles, _worker("alive", 1))
    assert requests.any_worker_alive(handles)


def test_who_follows_an_order_hears_that_nobody_is_at_it_any_more(handles: Handles, admin: Actor) -> None:
    put(handles, _worker("another", 1))
    first, second = (requests.ask(handles, admin, "test", "account:support") for _ in range(2))
    assert not requests.follow(handles, first).is_over

    taken, other = take_orders(handles, ("test",))
    with pytest.raises(WorkerNeeded, match="the worker that was at it is gone"):
        requests.follow(handles, first)

    put(handles, _worker(handles.worker_id, 1))
    assert not requests.follow(handles, first).is_over
    report(handles, taken, "resolve", ok=True)
    _write_worker(handles, handles.worker_id, 120)
    assert [event["step"] for event in requests.follow(handles, first).events] == ["resolve"], (
        "what was told comes first"
    )
    with pytest.raises(WorkerNeeded):
        requests.follow(handles, first, 1)

    asked = requests.ask(handles, admin, "test", "account:support")
    _write_worker(handles, "another", 120)
    with pytest.raises(WorkerNeeded, match="No worker is running any more"):
        requests.follow(handles, asked)
    finish(handles, other, ok=False)  # as the sweep does with what nobody carries out
    with pytest.raises(WorkerNeeded, match="the worker that was at it is gone"):
        requests.follow(handles, second)


# Overview


def test_the_overview_counts(handles: Handles) -> None:
    put(
        handles, _worker("w", 1), Run(account_id=1, account="a", started_at=NOW),
        Run(account_id=1, account="a", started_at=NOW, state="failed"), _message(1, state="quarantined"), _message(2),
        _outgoing("queued"), _outgoing("held"), _outgoing("sent"), Alert(subject="s", text="t", opened_at=NOW),
        Alert(subject="old", text="t", opened_at=NOW, closed_at=NOW),
    )  # fmt: skip

    assert overview.overview(handles) == overview.Overview(workers=1, fetching=1, outbox=2, quarantine=1, alerts=1)


# Records


def test_fields_of_a_record_are_set(handles: Handles, admin: Actor) -> None:
    settings.change(handles, admin, {"dynamic_fields": ["Site"]})
    put(handles, _record())
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
    put(handles, _record())
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


# Details


def test_a_record_shows_its_messages_and_why_it_is_here(handles: Handles, admin: Actor) -> None:
    put(handles, _record(fields={"a": 1}))
    put(handles, _message(1, record_id=7, trail=[["dispatch", "default queue", "no address matched"]]))
    put(handles, _message(2, record_id=7, trail=[["follow-up", "number in subject", "2026112010000042"]]))

    row = show(handles, admin, kind_named("record"), "2026112010000042")

    assert [message["id"] for message in row["messages"]] == [1, 2]
    assert row["trail"] == [{"stage": "dispatch", "rule": "default queue", "why": "no address matched"}]
    assert row["fields"] == {"a": 1}
    assert show(handles, admin, kind_named("record"), 7) == row


def test_an_outgoing_message_shows_its_history(handles: Handles, admin: Actor) -> None:
    put(handles, _outgoing("deferred"))
    put(handles, Recipient(outgoing_id=1, address="a@example.org"))
    put(handles, Recipient(outgoing_id=1, address="copy@example.org", is_bcc=True))
    put(handles, *(
        Attempt(outgoing_id=1, number=n, mailbox="m", outcome="deferred", started_at=NOW, reply_code=450) for n in (1, 2)
    ))  # fmt: skip

    row = show(handles, admin, kind_named("outbox"), 1)

    assert [(one["address"], one.get("bcc")) for one in row["recipients"]] == [
        ("a@example.org", None), ("copy@example.org", True),
    ]  # fmt: skip
    assert [(one["number"], one["outcome"], one["reply_code"]) for one in row["history"]] == [
        (1, "deferred", 450), (2, "deferred", 450),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "name", "error"),
    [
        ("record", "1", NotFound),
        ("run", "x", NotFound),
        ("message", "99999999999999999999", NotFound),
        ("event", "5", Misuse),
        ("event", "1:1", NotFound),
        ("worker", "w", NotFound),
        ("setting", "nothing", NotFound),
        ("account", "nobody", NotFound),
    ],
)
def test_what_is_not_there_is_not_shown(
    handles: Handles, admin: Actor, kind: str, name: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        show(handles, admin, kind_named(kind), name)


def test_other_kinds_are_shown_by_name_id_or_place(handles: Handles, admin: Actor) -> None:
    add(handles, admin, "account", "a", password="x")
    put(handles, Run(account_id=1, account="a", started_at=NOW), _worker("abcdef", 1))
    _lines(handles, 1, 1, 2)

    account = show(handles, admin, kind_named("account"), "a")
    assert (account["password"], account["status"], account["validity"]) == ("set", "ok", "valid")
    assert [line["text"] for line in show(handles, admin, kind_named("run"), 1)["events"]] == ["1.1", "1.2"]
    assert show(handles, admin, kind_named("event"), "1:2")["text"] == "1.2"
    assert show(handles, admin, kind_named("worker"), "abc")["id"] == "abcdef"
    shown = show(handles, admin, kind_named("setting"), "system_id")
    assert (shown["name"], shown["value"], shown["default"]) == ("system_id", 10, 10)
    assert "tells systems apart" in shown["help"]
    with pytest.raises(NotPermitted):
        show(handles, VIEWER, kind_named("template"), "Gmail SMTP Relay")


# Messages, outbox, quarantine


def test_raw_bytes_come_back_exactly(handles: Handles, admin: Actor) -> None:
    raw = bytes(range(256)) * 10
    put(handles, _message(1), _message(2), _message(3, state="too_large"), _outgoing())
    put(handles, RawMessage(message_id=1, data=raw), OutgoingRaw(outgoing_id=1, data=raw))

    assert messages.raw(handles, VIEWER, 1) == raw
    assert messages.outgoing_raw(handles, admin, 1) == raw
    for number, words in ((2, "retention"), (3, "too large"), (4, "no message 4")):
        with pytest.raises(NotFound, match=words):
            messages.raw(handles, admin, number)
    with pytest.raises(NotFound):
        messages.outgoing_raw(handles, admin, 9)


def _states(handles: Handles) -> list[str]:
    with handles.database.reading() as session:
        return [row.state for row in session.exec(select(OutgoingMessage).order_by("id"))]


def test_orders_to_the_outbox_are_carried_out_and_noted(handles: Handles, admin: Actor) -> None:
    put(handles, *(_outgoing() for _ in range(3)))
    put(handles, *(Recipient(outgoing_id=number, address="a@example.org") for number in (1, 2, 3)))

    assert outbox.hold(handles, OPERATOR, None) == 3
    assert outbox.release(handles, OPERATOR, [1, 99]) == 1
    assert outbox.cancel(handles, OPERATOR, [2]) == 1
    assert outbox.retry(handles, OPERATOR, [1, 2, 3]) == 1
    assert _states(handles) == ["queued", "cancelled", "held"]
    with pytest.raises(NotPermitted):
        outbox.cancel(handles, VIEWER, None)
    from core.services.search import matching

    noted = [(row["verb"], row["name"], row["actor"]) for row in matching(handles, admin, kind_named("audit")).rows]
    assert noted == [
        ("retry", "1", "otto@h"), ("cancel", "2", "otto@h"), ("release", "1", "otto@h"), ("hold", "1, 2, 3", "otto@h"),
    ]  # fmt: skip


def test_deleting_from_quarantine_keeps_that_the_message_came(handles: Handles, admin: Actor) -> None:
    put(handles, _message(1, state="quarantined", trail=[["trust", "untrusted", ""]]), _message(2))
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
