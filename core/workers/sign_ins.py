"""A worker's side of signing in: for people who may not read the key, each sign-in in a thread of its own."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from core.db.bulk import table_of
from core.errors import BadInput, NotFound, OAuthUnavailable, PostroomError
from core.handles import Handles
from core.models import Account, Mailbox, Request, RequestState
from core.models.base import Resource
from core.oauth import waiting
from core.oauth.sign_in import CodeSignIn
from core.oauth.waiting import Prompt, SignedIn
from core.vault.owner import Owner
from core.workers.orders import Order, finish, report, take_orders

KIND = "sign in"
"""The requests that are taken here."""

_log = logging.getLogger("postroom.sign_in")
_request = table_of(Request)


class SignIns:
    """Takes orders to sign in, and waits for the people."""

    def __init__(self, handles: Handles, stop: threading.Event) -> None:
        self._handles = handles
        self._stop = stop

    def take(self) -> None:
        """Begin what was asked for since; a worker without the key leaves it to another."""
        if not self._handles.vault.can_open():
            return
        for order in take_orders(self._handles, (KIND,)):
            # A daemon: a person who is still reading their code does not keep a worker from stopping.
            threading.Thread(target=self._carry_out, args=(order,), name=f"sign-in-{order.id}", daemon=True).start()

    def _carry_out(self, order: Order) -> None:
        try:
            done = carry_out(self._handles, order, self._goes_on(order))
            finish(self._handles, order, ok=done)
        except PostroomError as error:
            report(self._handles, order, _word_for(error), ok=False, detail=str(error))
            finish(self._handles, order, ok=False)
        except Exception:  # noqa: BLE001 - a fault of ours in one sign-in is told to its person, and ends no worker
            _log.exception("the sign-in for %s failed", order.subject)
            report(self._handles, order, "fault", ok=False, detail="A fault of ours; the worker's log has the details.")
            finish(self._handles, order, ok=False)

    def _goes_on(self, order: Order) -> waiting.Pause:
        def pause(seconds: float) -> bool:
            return not self._stop.wait(seconds) and _is_wanted(self._handles, order)

        return pause


def carry_out(handles: Handles, order: Order, pause: waiting.Pause) -> bool:
    """Sign in as an order says, telling how it goes; false if it was given up."""
    owner = _owner(handles, order.subject)
    if values := _values(handles, order):
        begun = json.loads(values["begun"].reveal())
        begun["expires_at"] = datetime.fromisoformat(begun["expires_at"])
        done = waiting.by_code(handles, owner, CodeSignIn(**begun), values["answer"].reveal())
        _tell(handles, order, done)
        return True
    for step in waiting.by_device(handles, owner, pause):
        _tell(handles, order, step)
        if isinstance(step, SignedIn):
            return True
    return False


def _tell(handles: Handles, order: Order, step: Prompt | SignedIn) -> None:
    if isinstance(step, SignedIn):
        report(handles, order, "signed in", ok=True, detail=step.as_whom)
        return
    told = {**asdict(step), "expires_at": step.expires_at.isoformat()}
    report(handles, order, "code", ok=True, detail=json.dumps(told))


def _owner(handles: Handles, subject: str) -> Owner:
    kind, _, name = subject.partition(":")
    model: type[Resource] = Account if kind == "account" else Mailbox
    table = table_of(model)
    with handles.database.reading() as session:
        found = session.connection().execute(
            select(table.c.id).where(table.c.name == name, table.c.deleted_at.is_(None))
        )
        owner_id = found.scalar_one_or_none()
    if owner_id is None:
        raise NotFound(f"There is no {kind} {name!r} any more.")
    return Owner(kind, owner_id)


def _values(handles: Handles, order: Order) -> dict[str, Any]:
    """What a browser came back with; empty: it is to be done with a device code."""
    with handles.database.reading() as session:
        sealed = session.exec(select(col(Request.sealed_values)).where(col(Request.id) == order.id)).one()
    return handles.vault.open_values(sealed) if sealed else {}


def _is_wanted(handles: Handles, order: Order) -> bool:
    def state(session: Session) -> str | None:
        return session.exec(
            select(col(Request.state)).where(col(Request.id) == order.id, col(Request.fence) == order.fence)
        ).one_or_none()

    with handles.database.reading() as session:
        return state(session) == RequestState.CLAIMED.value


def _word_for(error: PostroomError) -> str:
    if isinstance(error, OAuthUnavailable):
        return "unavailable"
    return "bad input" if isinstance(error, BadInput) else "refused"
