"""Taking a message out of quarantine; one that has killed whoever read it is read in a process of its own again."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from core.db.bulk import table_of
from core.errors import NotFound, StoreError
from core.handles import Handles
from core.inbound import quarantine
from core.inbound.run.alone import ALONE_SECONDS, PYTHON, START_SECONDS, child_environment, ended_with
from core.inbound.run.careful import DIED
from core.models import MessageState, Quarantine

_quarantine = table_of(Quarantine)


def retry(handles: Handles, message_id: int) -> MessageState:
    """As `quarantine.retry`; a console or command outlives it, whatever the message does.

    Raises:
        NotFound: it is not in quarantine.
        StoreError: the database did not take it.
    """
    if _has_killed(handles, message_id):
        return _alone(handles, message_id, "")
    return quarantine.retry(handles, message_id)


def release(handles: Handles, message_id: int, queue: str) -> MessageState:
    """As `quarantine.release`; a console or command outlives it, whatever the message does.

    Raises:
        NotFound: it is not in quarantine, or there is no such queue.
        StoreError: the database did not take it.
    """
    if _has_killed(handles, message_id):
        return _alone(handles, message_id, queue)
    return quarantine.release(handles, message_id, queue)


def _has_killed(handles: Handles, message_id: int) -> bool:
    with handles.database.reading() as session:
        reason = session.connection().scalar(select(_quarantine.c.reason).where(_quarantine.c.message_id == message_id))
    return reason is not None and str(reason).startswith(DIED)


def _alone(handles: Handles, message_id: int, queue: str) -> MessageState:
    answer, death = _answer(handles, message_id, queue)
    if answer is None:

        def note(session: Session) -> None:
            quarantine.note_failure(session, message_id, f"{DIED} again", death)

        handles.database.writing(note)
        return MessageState.QUARANTINED
    if (failure := answer.get("failure")) is not None:
        raise NotFound(failure) if answer["is_not_found"] else StoreError(failure)
    handles.changes.moved("message", "record")
    return MessageState(answer["state"])


def _answer(handles: Handles, message_id: int, queue: str) -> tuple[dict[str, Any] | None, str]:
    """What the process said of it; `None`, and how it died, if it did."""
    try:
        done = subprocess.run(
            [*PYTHON, "core.workers.retry_alone", str(message_id), queue],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # in a console that is the screen, and what it says of a message is foreign text
            env=child_environment(handles.environment),
            timeout=START_SECONDS + ALONE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, f"no answer within {START_SECONDS + ALONE_SECONDS:.0f} s"
    if done.returncode:
        return None, ended_with(done.returncode)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer, ""
