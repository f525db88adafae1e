"""Alerts told: to addresses through a mailbox that works and to a command, once when they open, once when they pass."""

import io
import json
import shlex
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from core import alerts, clock
from core.db import bulk
from core.db.bulk import table_of
from core.handles import Handles
from core.inbound.by_hand import take_in_by_hand
from core.inbound.decisions.loop_guard import MARK
from core.inbound.handed_in import HandedIn
from core.mail.headers import read_header_block
from core.models import Alert, MailboxStatus, Message, OutgoingRaw, Setting
from core.outbound.sending.deliver import deliver_due
from core.workers.telling import by_command, teller
from core.workers.telling.by_mail import note_and_mail
from tests.accounts import ON_SQLITE, add_account, rows_of
from tests.outbound.world import add_mailbox, rows
from tests.servers.smtp import RuledSink
from tests.waiting import PATIENCE

AT_ONCE = timedelta(0)
TO = ["ann@example.org", "bob@example.org"]


def configure(handles: Handles, **values: Any) -> None:
    rows = [{"name": f"alerts.{name}", "value": value} for name, value in values.items()]
    handles.database.writing(lambda session: bulk.upsert(session, Setting, rows))


def have_open(handles: Handles, *subjects: str, text: str = "Account support has not been fetched.") -> None:
    alerts.settle(handles, "", dict.fromkeys(subjects, text), clock.utcnow())


def cool(handles: Handles, mailbox: int) -> None:
    table = table_of(MailboxStatus)
    cooling = update(table).where(table.c.mailbox_id == mailbox)
    until = clock.utcnow() + timedelta(hours=1)
    handles.database.writing(lambda session: session.connection().execute(cooling.values(cooling_until=until)))


def tell(handles: Handles) -> None:
    teller.tell(handles, gather=AT_ONCE)


def listening(tmp_path: Path, *, ends_with: int = 0) -> tuple[str, Path]:
    """A command that adds what it is given to a file."""
    heard, script = tmp_path / "heard", tmp_path / "listen.py"
    lines = ["import sys", f"open({str(heard)!r}, 'ab').write(sys.stdin.buffer.read())", f"sys.exit({ends_with})"]
    script.write_text("\n".join(lines))
    heard.touch()
    return shlex.join([sys.executable, str(script)]), heard


def told(heard: Path) -> list[tuple[str, str]]:
    documents = [json.loads(line) for line in heard.read_text().splitlines()]
    return [(one["subject"], one["event"]) for one in documents]


def test_a_mail_when_it_opens_and_a_mail_when_it_has_passed(handles: Handles, smtp_sink: RuledSink) -> None:
    add_mailbox(handles, "m", smtp_sink, default_sender="postroom@example.org")
    configure(handles, to=TO)
    have_open(handles, "account:support", text="Account süpport has not been fetched.")
    tell(handles)
    tell(handles)
    deliver_due(handles)
    have_open(handles)
    tell(handles)
    tell(handles)
    deliver_due(handles)

    opened, passed = smtp_sink.deliveries
    assert list(opened.recipients) == TO
    headers = read_header_block(opened.raw)
    assert headers.get("auto-submitted") == "auto-generated"
    assert headers.get("from") == "postroom@example.org"
    assert "Account süpport has not been fetched." in (headers.get("subject") or "")
    assert "passed" in (read_header_block(passed.raw).get("subject") or "")
    (alert,) = rows_of(handles, Alert, "id")
    assert None not in (alert.told_at, alert.closing_told_at)


@ON_SQLITE
def test_mail_about_alerts_that_we_fetch_ourselves_needs_nobody(handles: Handles) -> None:
    """In quarantine it would open an alert, and again by the mail that this has passed."""
    configure(handles, to=["support@example.com"])
    have_open(handles, "account:a")
    tell(handles)
    account = add_account(handles)
    with handles.database.reading() as session:
        [raw] = session.connection().scalars(select(table_of(OutgoingRaw).c.data)).all()
    mail = f"From: <desk@example.com>\r\n{MARK}: {handles.host}\r\n".encode() + raw
    ended = take_in_by_hand(handles, account, [HandedIn("a.eml", lambda: nullcontext(io.BytesIO(mail)))])
    assert ended.error == ""
    [stored] = rows_of(handles, Message, "id")
    assert (stored.state, stored.trail[-1][1]) == ("ignored", "alert")


@ON_SQLITE
def test_alerts_that_open_together_are_one_mail(handles: Handles) -> None:
    configure(handles, to=TO)
    have_open(handles, *(f"account:{number}" for number in range(30)))
    teller.tell(handles)
    assert rows(handles) == []  # others may open in a moment
    tell(handles)
    (mail,) = rows(handles)
    assert mail.subject.endswith("alerts: 30 new")
    assert (mail.lane, mail.notify) == ("urgent", False)


@ON_SQLITE
def test_what_passed_before_anyone_was_told_is_told_to_nobody(handles: Handles) -> None:
    configure(handles, to=TO)
    have_open(handles, "account:support")
    have_open(handles)
    tell(handles)
    assert rows(handles) == []


@ON_SQLITE
def test_whoever_is_named_later_is_told_of_what_is_open_then(handles: Handles) -> None:
    have_open(handles, "account:support")
    tell(handles)
    configure(handles, to=TO)
    tell(handles)
    assert len(rows(handles)) == 1


def test_of_many_workers_one_tells(handles: Handles, tmp_path: Path) -> None:
    command, heard = listening(tmp_path)
    configure(handles, to=TO, command=command)
    have_open(handles, "account:a", "account:b")
    together = threading.Barrier(6)

    def work(_: int) -> None:
        together.wait(PATIENCE)
        tell(handles)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert len(rows(handles)) == 1
    assert sorted(told(heard)) == [("account:a", "opened"), ("account:b", "opened")]


@ON_SQLITE
def test_it_leaves_through_the_mailbox_of_the_setting_while_that_one_works(
    handles: Handles, smtp_sink: RuledSink
) -> None:
    first, _ = (add_mailbox(handles, name, smtp_sink) for name in ("first", "second"))
    configure(handles, to=TO, mailbox="first")
    have_open(handles, "account:support")
    tell(handles)
    cool(handles, first)
    have_open(handles, "account:support", "account:sales")
    tell(handles)
    assert [mail.mailbox_id for mail in rows(handles)] == [first, None]


@ON_SQLITE
def test_a_mailbox_that_fails_makes_no_loop_of_alerts(handles: Handles, smtp_sink: RuledSink) -> None:
    """Without any mailbox each mail about an alert would raise the alert that there is none."""
    configure(handles, to=TO)
    have_open(handles, "account:support")
    for _ in range(5):
        tell(handles)
        deliver_due(handles)
    assert [row.subject for row in rows_of(handles, Alert, "id")] == ["account:support", "outbox:no mailbox"]
    assert len(rows(handles)) == 1

    add_mailbox(handles, "m", smtp_sink, default_sender="postroom@example.org")
    for _ in range(3):
        deliver_due(handles)
        tell(handles)
    # The first mail at last; that nothing could leave is told once it is over.
    subjects = [read_header_block(one.raw).get("subject") or "" for one in smtp_sink.deliveries]
    assert len(subjects) == 2
    assert "passed: Outgoing mail waits" in subjects[1]


@ON_SQLITE
def test_the_command_is_given_the_alert_as_json_without_a_shell(handles: Handles, tmp_path: Path) -> None:
    command, heard = listening(tmp_path)
    configure(handles, command=f"{command} $(touch {tmp_path}/shell)")
    have_open(handles, "account:support")
    tell(handles)
    have_open(handles)
    tell(handles)
    tell(handles)
    opened, closed = [json.loads(line) for line in heard.read_text().splitlines()]
    assert opened | {"id": 0, "opened_at": ""} == {
        "event": "opened",
        "id": 0,
        "subject": "account:support",
        "text": "Account support has not been fetched.",
        "opened_at": "",
        "closed_at": None,
        "host": handles.host,
    }
    assert closed["event"] == "closed"
    assert closed["closed_at"] > closed["opened_at"]
    assert not (tmp_path / "shell").exists()


@ON_SQLITE
def test_a_command_that_fails_is_tried_again_and_then_told_of_by_mail(
    handles: Handles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.utcnow()
    monkeypatch.setattr("core.clock.utcnow", lambda: now)
    command, heard = listening(tmp_path, ends_with=3)
    configure(handles, to=TO, command=command)
    have_open(handles, "account:support")
    for _ in range(12):
        tell(handles)
        now += timedelta(minutes=10)
    assert len(told(heard)) == by_command.TRIES
    assert [row.subject for row in rows_of(handles, Alert, "id")] == ["account:support", by_command.COMMAND_SUBJECT]
    assert "ended with 3" in rows(handles)[1].subject

    command, heard = listening(tmp_path)
    configure(handles, command=command)
    have_open(handles, by_command.COMMAND_SUBJECT)
    for _ in range(3):
        tell(handles)
        now += timedelta(minutes=10)
    assert told(heard) == [("account:support", "opened")] * by_command.TRIES + [("account:support", "closed")]
    assert rows_of(handles, Alert, "id")[1].closed_at is not None


@ON_SQLITE
def test_a_command_that_hangs_is_ended_and_holds_nothing_up(handles: Handles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_command, "COMMAND_SECONDS", 0.2)
    configure(handles, to=TO, command=f"{sys.executable} -c 'input(); import time; time.sleep(600)'")
    have_open(handles, "account:support")
    tell(handles)
    assert len(rows(handles)) == 1
    (alert,) = rows_of(handles, Alert, "id")
    assert alert.command_tries == 1


@ON_SQLITE
def test_a_worker_that_dies_while_the_command_runs_leaves_it_to_another(handles: Handles, tmp_path: Path) -> None:
    command, heard = listening(tmp_path)
    configure(handles, command=command)
    have_open(handles, "account:support")
    note_and_mail(handles, handles.settings().alerts, AT_ONCE)
    assert by_command.claim_next(handles) is not None  # and then it died
    tell(handles)
    assert told(heard) == []
    later = clock.utcnow() + 2 * by_command.CLAIMED_FOR
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.clock.utcnow", lambda: later)
        tell(handles)
    assert told(heard) == [("account:support", "opened")]
