"""Sign-ins that a worker carries out, for those who may not read the key: asked for by a request, and followed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import update

from core import clock
from core.db.bulk import table_of
from core.errors import BadInput, OAuthRefused, OAuthUnavailable, PostroomError
from core.handles import Handles
from core.models import Request, RequestState
from core.oauth.sign_in import CodeSignIn
from core.oauth.waiting import Pause, Prompt, SignedIn
from core.secret import Secret
from core.services import requests
from core.services.actor import Actor

VERB = "sign in"
"""What it is called in roles, requests and the audit log."""

LOOK = 0.5
"""Seconds between two looks at how an order goes."""

_request = table_of(Request)
_ERRORS: dict[str, type[PostroomError]] = {"unavailable": OAuthUnavailable, "bad input": BadInput}
"""What a worker's last event says of the error it met; all others are refusals."""


def by_device(handles: Handles, actor: Actor, subject: str, pause: Pause) -> Iterator[Prompt | SignedIn]:
    """As `sign_in.by_device`, by a worker."""
    requests.require_worker(handles, f"Signing in for {subject.replace(':', ' ', 1)}")
    request_id = requests.ask(handles, actor, VERB, subject)
    for event in _followed(handles, request_id, pause):
        if event["step"] == "code":
            told = json.loads(event["detail"])
            yield Prompt(**{**told, "expires_at": datetime.fromisoformat(told["expires_at"])})
        elif event["step"] == "signed in":
            yield _signed_in(subject, event)


def by_code(
    handles: Handles, actor: Actor, subject: str, begun: CodeSignIn, *, answer: str, pause: Pause
) -> SignedIn | None:
    """As `sign_in.finish`, by a worker; what the browser came back with travels sealed."""
    requests.require_worker(handles, f"Signing in for {subject.replace(':', ' ', 1)}")
    written = json.dumps({**asdict(begun), "expires_at": begun.expires_at.isoformat()})
    values = {"begun": Secret(written), "answer": Secret(answer)}
    request_id = requests.ask(handles, actor, VERB, subject, values=values)
    for event in _followed(handles, request_id, pause):
        if event["step"] == "signed in":
            return _signed_in(subject, event)
    return None


def _followed(handles: Handles, request_id: int, pause: Pause) -> Iterator[Mapping[str, Any]]:
    seen, is_over = 0, False
    try:
        while not is_over:
            progress = requests.follow(handles, request_id, seen)
            is_over = progress.is_over
            for event in progress.events:
                seen = event["seq"]
                if not event["ok"]:
                    raise _ERRORS.get(event["step"], OAuthRefused)(event["detail"])
                yield event
            if not is_over and not pause(LOOK):
                return
    finally:
        if not is_over:
            _withdraw(handles, request_id)


def _withdraw(handles: Handles, request_id: int) -> None:
    """Nobody waits for it any more: the worker that is at it sees that and stops."""
    open_ = _request.c.state.in_((RequestState.ASKED.value, RequestState.CLAIMED.value))
    closed = update(_request).where(_request.c.id == request_id, open_)
    values = {"state": RequestState.FAILED.value, "ended_at": clock.utcnow()}
    handles.database.writing(lambda session: session.connection().execute(closed.values(values)))
    handles.changes.moved("request")


def _signed_in(subject: str, event: Mapping[str, Any]) -> SignedIn:
    kind, _, name = subject.partition(":")
    return SignedIn(kind, name, event["detail"])
