"""Accounts for tests that fetch: added as a form would, fetched as the command does, looked at row by row."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import Session

from core import clock
from core.db.bulk import table_of
from core.handles import Handles
from core.inbound.due import Claimed, accounts_named, claim_asked
from core.inbound.run.closing import RunOutcome
from core.inbound.run.fetch import FetchOptions, fetch_account
from core.models import Account, AccountStatus, AccountType, Message, RawMessage, Record, Run, RunEvent
from core.protocols.server import Timeouts
from core.secret import Secret
from core.workers.fetch_now import FetchSummary, fetch_now
from tests.servers.dovecot import DovecotServer

ON_SQLITE = pytest.mark.parametrize("home", ["sqlite"], indirect=True)
"""For tests in which the database makes no difference: half the time."""

ON_POSTGRES = pytest.mark.parametrize("home", ["postgresql"], indirect=True)
"""For tests of what only a server does."""

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Stored:
    """A message as it is kept."""

    id: int
    account_id: int
    folder: str
    uid: int
    uidl: str
    state: str
    record_id: int | None
    is_acknowledged: bool
    raw: bytes | None


def message(number: int | str, *lines: str, body: str = "Hello", sender: str = "") -> bytes:
    """A small message of its own, from a sender of its own, so that the loop guard lets any number through.

    `lines` replace header lines of the same name, or are added; one without a value takes the header away.
    """
    head = [
        f"From: <{sender or f'user{number}@example.org'}>",
        "To: <support@example.com>",
        f"Subject: Message {number}",
        f"Message-ID: <{number}@mail.example.org>",
    ]
    replaced = {line.partition(":")[0].lower() for line in lines}
    kept = [line for line in head if line.partition(":")[0].lower() not in replaced]
    return "\r\n".join([*kept, *(line for line in lines if line.partition(":")[2]), "", body, ""]).encode()


def at(server: DovecotServer, user: str, kind: str = "IMAP") -> dict[str, Any]:
    """The fields that say where a Dovecot user's mail is."""
    ports = {
        "IMAP": server.ports.imap,
        "IMAPS": server.ports.imaps,
        "IMAPTLS": server.ports.imap,
        "POP3": server.ports.pop3,
        "POP3S": server.ports.pop3s,
        "POP3TLS": server.ports.pop3,
    }
    return {
        "type": kind,
        "host": server.host,
        "port": ports[kind],
        "username": user,
        "tls_ca": str(server.certificate.authority),
    }


def add_account(handles: Handles, *, name: str = "a", password: str = "secret", **values: Any) -> int:
    """An account with its status and its password; due at once."""
    now = clock.utcnow()
    values = {"host": "127.0.0.1", "type": "IMAP", "username": "user", **values}
    folders = values.pop("folders", ["INBOX"] if AccountType(values["type"]).is_imap else [])

    def add(session: Session) -> int:
        account = Account(name=name, folders=folders, created_at=now, updated_at=now, **values)
        session.add(account)
        session.flush()
        assert account.id is not None
        session.add(AccountStatus(account_id=account.id, due_at=now))
        handles.vault.store(session, "account", account.id, "password", Secret(password))
        return account.id

    return handles.database.writing(add)


def change_account(handles: Handles, account_id: int, **values: Any) -> None:
    """Change columns of an account as they are."""
    _update(handles, Account, "id", account_id, values)


def change_status(handles: Handles, account_id: int, **values: Any) -> None:
    """Change columns of an account's status as they are."""
    _update(handles, AccountStatus, "account_id", account_id, values)


def expire_leases(handles: Handles) -> None:
    """As if time had passed: whoever held an account and died holds it no longer."""
    table = table_of(AccountStatus)
    past = update(table).where(table.c.lease_until.is_not(None)).values(lease_until=LONG_AGO)
    handles.database.writing(lambda session: session.connection().execute(past))


def fetch(
    handles: Handles,
    *names: str,
    timeouts: Timeouts | None = None,
    listener: Callable[[Any], None] | None = None,
    **options: Any,
) -> FetchSummary:
    """Fetch these accounts, or all, now."""
    chosen = FetchOptions(timeouts=timeouts or Timeouts(), listener=listener)
    return fetch_now(handles, list(names) or None, options=chosen, **options)


def claim_account(handles: Handles, account_id: int) -> Claimed | None:
    """Claim an account now, due or not, as for a person who asks for all; `None` if somebody has it in hand."""
    with handles.database.reading() as session:
        account = session.get(Account, account_id)
    assert account is not None
    return claim_asked(handles, account, is_named=False)


def fetch_once(handles: Handles, name: str, stop: threading.Event | None = None) -> RunOutcome:
    """One run, as a worker makes it: no second one, however much is left."""
    account = accounts_named(handles, [name])[0]
    assert account.id is not None
    claimed = claim_account(handles, account.id)
    assert claimed is not None
    return fetch_account(handles, claimed, stop=stop)


def fetched_well(handles: Handles, *names: str) -> FetchSummary:
    """Fetch, and be sure that no account failed."""
    summary = fetch(handles, *names)
    assert [outcome.error for outcome in summary.outcomes if outcome.error] == []
    return summary


def stored(handles: Handles, account_id: int | None = None) -> list[Stored]:
    """What is kept, in the order it was taken in."""
    messages, raws = table_of(Message), table_of(RawMessage)
    statement = select(messages, raws.c.data).outerjoin(raws, raws.c.message_id == messages.c.id)
    if account_id is not None:
        statement = statement.where(messages.c.account_id == account_id)
    with handles.database.reading() as session:
        rows = session.connection().execute(statement.order_by(messages.c.id)).all()
    return [
        Stored(
            row.id, row.account_id, row.folder, row.uid, row.uidl, row.state, row.record_id,
            row.acknowledged_at is not None, None if row.data is None else bytes(row.data),
        )
        for row in rows
    ]  # fmt: skip


def raws(handles: Handles, account_id: int | None = None) -> list[bytes]:
    """The bytes that are kept, in the order they were taken in."""
    return [one.raw for one in stored(handles, account_id) if one.raw is not None]


def records(handles: Handles) -> list[Any]:
    """All records, oldest first."""
    return rows_of(handles, Record, "id")


def lines(handles: Handles, run_id: int) -> list[str]:
    """A run's lines as `level step text`, in their order; their numbers have no gaps."""
    rows = [row for row in rows_of(handles, RunEvent, "seq") if row.run_id == run_id]
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    return [f"{row.level} {row.step} {row.text}" for row in rows]


def run_row(handles: Handles, run_id: int) -> Any:
    """A run as it stands."""
    return next(row for row in rows_of(handles, Run, "id") if row.id == run_id)


def status_of(handles: Handles, account_id: int) -> Any:
    """An account's status as it stands."""
    return next(row for row in rows_of(handles, AccountStatus, "account_id") if row.account_id == account_id)


def minutes_from_now(moment: datetime) -> float:
    """How far a moment is ahead."""
    return (moment - clock.utcnow()) / timedelta(minutes=1)


def rows_of(handles: Handles, model: Any, order: str) -> list[Any]:
    """All rows of a table."""
    table = table_of(model)
    with handles.database.reading() as session:
        return list(session.connection().execute(select(table).order_by(table.c[order])).all())


def _update(handles: Handles, model: Any, key: str, value: int, values: dict[str, Any]) -> None:
    table = table_of(model)
    statement = update(table).where(table.c[key] == value).values(values)
    handles.database.writing(lambda session: session.connection().execute(statement))
