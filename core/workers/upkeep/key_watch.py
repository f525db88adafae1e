"""Whether this machine has the key of the database: a worker without it could only fail what needs a password."""

from __future__ import annotations

from datetime import datetime

from core.alerts import settle
from core.errors import ConfigurationError, SecretUnreadable
from core.handles import Handles


def refuse_without_key(handles: Handles) -> None:
    """Refuse to begin work on a machine that lacks the key, or for a user who may not read it.

    Raises:
        SecretUnreadable: the sentence names the key that is needed.
    """
    if problem := missing_key(handles):
        raise SecretUnreadable(problem)


def tell_missing_key(handles: Handles, now: datetime) -> None:
    """Have an alert open while this machine lacks the key: another machine may have turned to a new one."""
    problem = missing_key(handles)
    settle(
        handles, f"key {handles.host}", {f"key {handles.host}": f"{handles.host}: {problem}"} if problem else {}, now
    )


def missing_key(handles: Handles) -> str:
    """What is wrong with the key here, as a sentence; empty: nothing."""
    try:
        with handles.database.reading() as session:
            return handles.vault.needed(session)
    except ConfigurationError as error:
        return str(error)
