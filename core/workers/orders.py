"""A worker's side of requests: taking orders that people wrote, saying how they go, closing them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, insert, select, update
from sqlmodel import Session

from core import clock
from core.db.alike import skip_locked
from core.db.bulk import table_of
from core.handles import Handles
from core.models import Request, RequestEvent, RequestState, Worker

STALE_AFTER = timedelta(minutes=10)
"""An order nobody took for so long is not carried out behind people's backs any more."""

_request, _event, _worker = table_of(Request), table_of(RequestEvent), table_of(Worker)


@dataclass(frozen=True)
class Order:
    """One order in this worker's hands."""

    id: int
    kind: str
    subject: str
    fence: int


def take_orders(handles: Handles, kinds: Iterable[str]) -> list[Order]:
    """Take the orders of these kinds that nobody has taken yet."""
    wanted = tuple(kinds)
    now = clock.utcnow()
    asked = (
        select(_request.c.id, _request.c.kind, _request.c.subject, _request.c.fence)
        .where(
            _request.c.state == RequestState.ASKED.value,
            _request.c.kind.in_(wanted),
            _request.c.asked_at > now - STALE_AFTER,
        )
        .order_by(_request.c.id)
        .limit(100)
    )
    with handles.database.reading() as session:
        if not session.connection().execute(asked).first():
            return []

    def take(session: Session) -> list[Order]:
        rows = session.connection().execute(skip_locked(asked)).all()
        for row in rows:
            session.connection().execute(
                update(_request)
                .where(_request.c.id == row.id)
                .values(
                    state=RequestState.CLAIMED.value,
                    claimed_by=handles.worker_id,
                    fence=row.fence + 1,
                    lease_until=now + timedelta(seconds=handles.renewer.seconds),
                )
            )
        return [Order(row.id, row.kind, row.subject, row.fence + 1) for row in rows]

    return handles.database.writing(take)


def close_abandoned(handles: Handles, now: datetime) -> None:
    """Close what nobody will carry out any more: what it brought sealed, and the row, are not kept for ever."""
    is_alive = exists().where(_worker.c.id == _request.c.claimed_by, _worker.c.heartbeat_at > now - STALE_AFTER)
    is_stale = (_request.c.state == RequestState.ASKED.value) & (_request.c.asked_at <= now - STALE_AFTER)
    is_abandoned = is_stale | ((_request.c.state == RequestState.CLAIMED.value) & ~is_alive)
    with handles.database.reading() as session:
        if not session.connection().execute(select(_request.c.id).where(is_abandoned).limit(1)).first():
            return
    closed = {"state": RequestState.FAILED.value, "ended_at": now, "sealed_values": None}
    handles.database.writing(
        lambda session: session.connection().execute(update(_request).where(is_abandoned).values(closed)) and None
    )
    handles.changes.moved("request")


def report(
    handles: Handles,
    order: Order,
    step: str,
    *,
    ok: bool,
    detail: str = "",
    ms: float | None = None,
    run_id: int | None = None,
) -> None:
    """Tell how the order goes: one event, and with it the run that carries it out."""

    def write(session: Session) -> None:
        mine = (_request.c.id == order.id) & (_request.c.fence == order.fence)
        seq = session.connection().execute(select(_request.c.last_seq).where(mine)).scalar_one_or_none()
        if seq is None:
            return
        values = {"last_seq": seq + 1} | ({"run_id": run_id} if run_id is not None else {})
        session.connection().execute(update(_request).where(mine).values(values))
        row = {"request_id": order.id, "seq": seq + 1, "at": clock.utcnow(), "step": step, "ok": ok, "ms": ms}
        session.connection().execute(insert(_event), [{**row, "detail": detail[:1000]}])

    handles.database.writing(write)
    handles.changes.moved("request")


def finish(handles: Handles, order: Order, *, ok: bool) -> None:
    """Close the order; what it brought sealed is not kept."""
    mine = (_request.c.id == order.id) & (_request.c.fence == order.fence)
    state = (RequestState.DONE if ok else RequestState.FAILED).value
    closed = update(_request).where(mine).values(state=state, ended_at=clock.utcnow(), sealed_values=None)
    handles.database.writing(lambda session: session.connection().execute(closed))
    handles.changes.moved("request")
