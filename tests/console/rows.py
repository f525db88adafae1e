"""Rows as other processes would have written them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, SQLModel

from core import clock
from core.handles import Handles
from core.models import Message, RawMessage, Record, Run, RunEvent
from core.services.actor import Actor
from core.services.configuration.accounts import accounts


def store(handles: Handles, rows: Iterable[SQLModel], *topics: str) -> None:
    """Write rows, and tell that they moved."""
    kept = list(rows)

    def work(session: Session) -> None:
        for row in kept:
            session.merge(row)

    handles.database.writing(work)
    handles.changes.moved(*topics)
    handles.changes.flush()


def add_account(handles: Handles, actor: Actor, name: str, **values: Any) -> None:
    given = {
        "type": "IMAPS",
        "host": "imap.example.org",
        "username": f"{name}@example.org",
        "password": "s3cret-canary",
    }
    accounts.add(handles, actor, name, {**given, **values})


def record(number: int, title: str, customer: str = "ann@example.org", at: datetime | None = None) -> Record:
    at = at or clock.utcnow()
    return Record(
        id=number,
        number=f"20261120100{number:05d}",
        title=title,
        customer=customer,
        queue_id=1,
        created_at=at,
        updated_at=at,
    )


def message(number: int, subject: str, body: str = "Hello.", **values: Any) -> list[SQLModel]:
    given = {
        "id": number, "account_id": 1, "uid": number, "state": "recorded", "record_id": number, "subject": subject,
        "header_from": "Ann <ann@example.org>", "received_at": clock.utcnow(), "after_fetch": "keep",
        "trail": [["trust", "", "untrusted"], ["dispatch", "To", "queue Raw"]],
    }  # fmt: skip
    raw = f"From: Ann <ann@example.org>\r\nSubject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n"
    return [Message(**{**given, **values}), RawMessage(message_id=number, data=raw.encode())]


def run(number: int, account: str, *, state: str = "running", seq: int = 0, **values: Any) -> Run:
    now = clock.utcnow()
    given = {
        "host": "imap.example.org", "step": "fetch", "expected": 200, "fetched": 50,
        "started_at": now - timedelta(seconds=2), "ended_at": None if state == "running" else now,
    }  # fmt: skip
    given |= {"account_id": number, **values}
    return Run(id=number, account=account, state=state, last_seq=seq, **given)


def event(run_id: int, seq: int, text: str, **values: Any) -> RunEvent:
    return RunEvent(run_id=run_id, seq=seq, at=clock.utcnow(), text=text, **{"step": "message", **values})
