"""Mail, runs and workers, as their rows; and who looks at them."""

from datetime import timedelta
from typing import Any

from sqlalchemy import update
from sqlmodel import Session

from core.clock import utcnow
from core.db.bulk import table_of
from core.handles import Handles
from core.models import Message, OutgoingMessage, Record, Run, RunEvent, Worker
from core.services.actor import Actor, Role
from tests.services.worlds import NOW

OPERATOR = Actor("otto", "h", Role.OPERATOR)
VIEWER = Actor("vera", "h", Role.VIEWER)


def message_row(number: int, **more: Any) -> Message:
    values = {"account_id": 1, "uid": number, "state": "recorded", "received_at": NOW, "folder": "INBOX", **more}
    return Message(id=number, **values)


def record_row(**more: Any) -> Record:
    return Record(id=7, number="2026112010000042", queue_id=1, created_at=NOW, updated_at=NOW, **more)


def outgoing_row(state: str = "queued") -> OutgoingMessage:
    return OutgoingMessage(message_id="<1@h>", created_at=NOW, next_attempt_at=NOW, state=state)


def add_lines(handles: Handles, run: int, first: int, last: int) -> None:
    def work(session: Session) -> None:
        for seq in range(first, last + 1):
            session.add(RunEvent(run_id=run, seq=seq, at=NOW + timedelta(seconds=seq), text=f"{run}.{seq}"))
        table = table_of(Run)
        session.connection().execute(update(table).where(table.c.id == run).values(last_seq=last))

    handles.database.writing(work)


def worker_row(name: str, seconds_ago: float) -> Worker:
    beat = utcnow() - timedelta(seconds=seconds_ago)
    return Worker(id=name, host="h", pid=1, started_at=beat, heartbeat_at=beat)
