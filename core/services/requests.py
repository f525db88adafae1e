"""Requests: a person's orders to workers, as rows, and how they go; the worker's side is in the workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select
from sqlmodel import Session

from core import clock
from core.db.bulk import table_of
from core.errors import NotFound, WorkerNeeded
from core.handles import Handles
from core.models import Audit, Request, RequestEvent, RequestState
from core.services import access, audit
from core.services.actor import Actor
from core.services.looking.overview import is_alive, live_workers

_request, _event = table_of(Request), table_of(RequestEvent)


@dataclass(frozen=True)
class Progress:
    """How an order goes."""

    state: RequestState
    events: tuple[Mapping[str, Any], ...]
    """The events after the one that was seen: seq, at, step, ok, ms, detail."""
    run_id: int | None
    """The run that carries it out, once there is one."""

    @property
    def is_over(self) -> bool:
        """Whether no more events will come."""
        return self.state in {RequestState.DONE, RequestState.FAILED}


def ask(
    handles: Handles,
    actor: Actor,
    verb: str,
    subject: str,
    *,
    arguments: Mapping[str, Any] | None = None,
    values: Mapping[str, Any] | None = None,
) -> int:
    """Ask the workers for something and return the order's id.

    Args:
        handles: what this process holds open.
        actor: who asks; the role must allow it.
        verb: what is asked for: fetch, test, deliver …
        subject: what it is about, `account:support`.
        arguments: further words for the worker; no secrets.
        values: values that are not saved, secrets among them; they travel sealed.
    """
    kind, _, name = subject.partition(":")
    access.require(actor, verb, kind)

    def work(session: Session) -> tuple[int, Audit]:
        sealed = None if values is None else handles.vault.seal_values(session, values)
        order = {
            "kind": verb, "subject": subject, "arguments": dict(arguments or {}), "sealed_values": sealed,
            "asked_by": str(actor), "asked_at": clock.utcnow(),
        }  # fmt: skip
        made = insert(_request).values(**order).returning(_request.c.id)
        request_id = session.connection().execute(made).scalar_one()
        return request_id, audit.note(session, actor, verb, kind, name)

    request_id, line = handles.database.writing(work)
    audit.publish(line)
    handles.changes.moved("request")
    handles.changes.flush()  # a person waits: the workers are told at once
    return int(request_id)


def follow(handles: Handles, request_id: int, after_seq: int = 0) -> Progress:
    """How an order goes, with the events after one that was seen.

    Raises:
        NotFound: there is no such order.
        WorkerNeeded: nobody is at it any more, or will be; what was told before that is given first.
    """
    newer = select(_event).where(_event.c.request_id == request_id, _event.c.seq > after_seq).order_by(_event.c.seq)
    with handles.database.reading() as session:
        request = session.get(Request, request_id)
        events = tuple(dict(row) for row in session.connection().execute(newer).mappings())
        if request is None:
            raise NotFound(f"There is no request {request_id}.")
        progress = Progress(RequestState(request.state), events, request.run_id)
        if not events:
            _refuse_abandoned(session, request)
    return progress


def _refuse_abandoned(session: Session, request: Request) -> None:
    is_lost = request.state == RequestState.CLAIMED and not is_alive(session, request.claimed_by)
    # Whoever carries an order out has told something by its end; this one was closed because nobody did.
    if is_lost or (request.state == RequestState.FAILED and not request.last_seq):
        raise WorkerNeeded("This was not finished: the worker that was at it is gone. Ask for it again.")
    if request.state == RequestState.ASKED and not live_workers(session):
        raise WorkerNeeded(
            "No worker is running any more. What was asked for is done if one starts within ten minutes: "
            "postroom --worker"
        )


def require_worker(handles: Handles, what: str) -> None:
    """Go on if there is anybody to do what we may not read the key for.

    Args:
        handles: what this process holds open.
        what: what is to be done, as a sentence begins: `Fetching account support`.

    Raises:
        WorkerNeeded: there is nobody.
    """
    if any_worker_alive(handles):
        return
    place = handles.vault.place
    why, remedy = (
        ("cannot be read here", "Start one as the service's user")
        if place.exists()
        else ("is not there", "Put the key back, or start one where it is")
    )
    raise WorkerNeeded(
        f"{what} needs the key ({place.name}), which {why}, and no worker is running that could do it. "
        f"{remedy}: postroom --worker"
    )


def any_worker_alive(handles: Handles) -> bool:
    """Whether there is anybody to carry out orders."""
    with handles.database.reading() as session:
        return live_workers(session) > 0
