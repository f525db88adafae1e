"""Messages that are stored here and that their server will not delete or move: tried at each run, told after three."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Row, and_, func, select
from sqlmodel import Session

from core.db.bulk import table_of
from core.handles import Handles
from core.models import Account, Message, MessageState, Run, RunEvent, RunState, Validity
from core.text import counted

PREFIX = "acknowledge:"
"""Subjects of these alerts: `acknowledge:support`."""

RUNS = 3
"""Runs in a row that the server refuses before it is told: a folder that is full for a moment needs nobody."""

_LOOKED_AT = 10
"""Runs, the newest first, among which those are looked for that asked the server: intake by hand does not."""

_account, _message, _run, _event = table_of(Account), table_of(Message), table_of(Run), table_of(RunEvent)


def told(account: str, messages: int, refusal: str) -> str:
    """What a person must know of them."""
    return (
        f"{counted(messages, 'stored message')} of account {account} could not be deleted, moved or marked on the "
        f"server in three runs. {refusal} Mend it there; or change the account and have it done that way: "
        f"postroom apply {account} --yes"
    )


def all_unmoved(handles: Handles) -> dict[str, str]:
    """What a person must know, by the names of the accounts."""
    found: dict[str, str] = {}
    with handles.database.reading() as session:
        for account in _waiting(session):
            refusals = list(_refusals(session, account.id))
            if len(refusals) == RUNS and all(refusals):
                found[account.name] = told(account.name, account.messages, refusals[0])
    return found


def _waiting(session: Session) -> list[Row[tuple[int, str, int]]]:
    is_theirs = and_(_message.c.account_id == _account.c.id, _message.c.epoch == _account.c.epoch)
    waiting = (
        select(_account.c.id, _account.c.name, func.count().label("messages"))
        .join(_message, is_theirs)
        .where(
            _message.c.acknowledged_at.is_(None),
            _message.c.state != MessageState.TOO_LARGE.value,
            _account.c.deleted_at.is_(None),
            _account.c.validity == Validity.VALID.value,
        )
        .group_by(_account.c.id, _account.c.name)
    )
    return list(session.connection().execute(waiting).all())


def _refusals(session: Session, account_id: int) -> Iterator[str]:
    """Of the last runs that asked the server, the newest first: its words, or nothing where it did as it was told."""
    execute = session.connection().execute
    ended = select(_run.c.id).where(_run.c.account_id == account_id, _run.c.state == RunState.OK.value)
    runs = execute(ended.order_by(_run.c.id.desc()).limit(_LOOKED_AT)).scalars().all()
    lines = select(_event.c.run_id, _event.c.step, _event.c.text).where(
        _event.c.run_id.in_(runs), _event.c.step.in_(("select", "acknowledge"))
    )
    said: dict[int, str] = {}
    for line in execute(lines.order_by(_event.c.seq)):
        refusal = line.text.partition(": ")[2] if line.step == "acknowledge" else ""
        said[line.run_id] = refusal or said.get(line.run_id, "")
    asked = [run for run in runs if run in said]
    yield from (said[run] for run in asked[:RUNS])
