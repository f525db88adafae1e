"""Tests of connections by a worker, for those who may not read the key: asked for by a request, and followed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sqlmodel import Session

from core.errors import BadInput, NotFound, PostroomError
from core.handles import Handles
from core.models import Request
from core.protocols.probe import Step
from core.protocols.told_step import DIALOGUE, error_named, read_line, read_step
from core.protocols.transcript import Spoken, Transcript
from core.resources.account import ACCOUNT
from core.resources.kind import Kind
from core.resources.mailbox import MAILBOX
from core.services import access, requests
from core.services.actor import Actor, Role
from core.services.connection_tests import roundtrip, testing
from core.services.connection_tests.tested import LOGINS
from core.services.editing.drafts import Draft, drafted, read_given
from core.services.lookup import living, named

VERB = "test"
"""What it is called in roles, requests and the audit log."""

LOOK = 0.2
"""Seconds between two looks at how an order goes."""


def steps(
    handles: Handles,
    actor: Actor,
    kind: Kind,
    what: testing.Tested,
    *,
    name: str | None = None,
    transcript: Transcript | None = None,
) -> Iterator[Step]:
    """Test a connection here, or by a worker where we may not read the key. As `testing.test_account`.

    Raises:
        WorkerNeeded: we may not read the key, and no worker is running.
    """
    access.require(actor, VERB if isinstance(what, str) else "change", kind.name)
    if handles.vault.can_open():
        return _probe(kind)(handles, actor, what, name=name, transcript=transcript)
    return _by_worker(handles, actor, kind, what, name=name, transcript=transcript)


def round_trip(handles: Handles, actor: Actor, mailbox: str, account: str, *, within: float) -> Iterator[Step]:
    """A round trip from here, or by a worker where we may not read the key. As `roundtrip.round_trip`.

    Raises:
        WorkerNeeded: we may not read the key, and no worker is running.
    """
    for kind in (MAILBOX, ACCOUNT):
        access.require(actor, VERB, kind.name)
    if handles.vault.can_open():
        return roundtrip.round_trip(handles, actor, mailbox, account, within=within)
    arguments = {"account": account, "within": within}
    what_for = f"The round trip from {mailbox}"
    return _followed(handles, actor, f"{MAILBOX.name}:{mailbox}", what_for, arguments=arguments)


def carry_out(handles: Handles, request_id: int) -> Iterator[Step | Spoken]:
    """What a worker does for an order to test: its steps, and before each what was said, where that is wanted.

    Raises:
        BadInput: with values that are not saved, the kept password would go to another server than it is kept for.
    """
    with handles.database.reading() as session:
        order = session.get(Request, request_id)
    if order is None:
        raise NotFound(f"There is no request {request_id}.")
    kind_name, _, subject = order.subject.partition(":")
    kind = next(one for one in (ACCOUNT, MAILBOX) if one.name == kind_name)
    # That the person may was asked when the order was written, which is in the audit log.
    user, _, host = order.asked_by.partition("@")
    actor = Actor(user, host, Role.SUPER_SECURITY_ADMIN)
    if account := order.arguments.get("account"):
        return roundtrip.round_trip(handles, actor, subject, account, within=float(order.arguments["within"]))
    lines: deque[Spoken] = deque()
    transcript = Transcript(lines.append) if order.arguments.get("dialogue") else None
    if order.sealed_values is None:
        return _with_lines(_probe(kind)(handles, actor, subject, transcript=transcript), lines)
    values = handles.vault.open_values(order.sealed_values)
    name = order.arguments.get("name")
    _refuse_diverted(handles, kind, values, name)
    return _with_lines(_probe(kind)(handles, actor, values, name=name, transcript=transcript), lines)


def _with_lines(steps: Iterator[Step], lines: deque[Spoken]) -> Iterator[Step | Spoken]:
    """The steps, each behind the lines that led to it."""
    try:
        for step in steps:
            yield from _taken(lines)
            yield step
    except PostroomError:
        yield from _taken(lines)
        raise
    yield from _taken(lines)


def _taken(lines: deque[Spoken]) -> Iterator[Spoken]:
    while lines:
        yield lines.popleft()


def _probe(kind: Kind) -> Callable[..., Iterator[Step]]:
    return testing.test_account if kind is ACCOUNT else testing.test_mailbox


def _by_worker(
    handles: Handles,
    actor: Actor,
    kind: Kind,
    what: testing.Tested,
    *,
    name: str | None,
    transcript: Transcript | None,
) -> Iterator[Step]:
    if isinstance(what, str):
        subject, values = what, None
    else:
        subject, values = str(name or what.get(kind.key) or ""), dict(what)
    what_for, order = f"Testing {kind.name} {subject}", f"{kind.name}:{subject}"
    arguments = {"name": name, "dialogue": transcript is not None}
    return _followed(handles, actor, order, what_for, arguments=arguments, values=values, transcript=transcript)


def _followed(
    handles: Handles,
    actor: Actor,
    subject: str,
    what_for: str,
    *,
    arguments: Mapping[str, Any],
    values: Mapping[str, Any] | None = None,
    transcript: Transcript | None = None,
) -> Iterator[Step]:
    requests.require_worker(handles, what_for)
    request_id = requests.ask(handles, actor, VERB, subject, arguments=dict(arguments), values=values)
    seen, is_over = 0, False
    while not is_over:
        progress = requests.follow(handles, request_id, seen)
        is_over = progress.is_over
        for event in progress.events:
            seen = event["seq"]
            if event["step"] == "refused":
                failure, _, text = event["detail"].partition(": ")
                raise error_named(failure, text)
            if event["step"] == DIALOGUE:
                if transcript is not None:
                    transcript.retold(read_line(event["detail"], event["at"]))
                continue
            yield read_step(event["step"], event["detail"], ok=event["ok"], ms=event["ms"])
        if not is_over:
            time.sleep(LOOK)


def _refuse_diverted(handles: Handles, kind: Kind, values: Mapping[str, Any], name: str | None) -> None:
    # Who can write a request without being an administrator must not have a kept password sent where they like.
    with handles.database.reading() as session:
        draft = _draft(session, kind, values, name)
    moved = [
        one for one in LOGINS[kind.name] if (given := kind.field(one)) and not given.is_secret and draft.moved(one)
    ]
    if draft.row is not None and moved and ("password" not in draft.secrets or draft.values["profile"]):
        raise BadInput(
            f"{', '.join(moved)} differs from what is saved: a worker does not take the kept password to another "
            "server. Type the password again, or save first."
        )


def _draft(session: Session, kind: Kind, values: Mapping[str, Any], name: str | None) -> Draft:
    row = living(session, kind, str(values.get(kind.key, ""))) if name is None else named(session, kind, name)
    return drafted(session, kind, row, read_given(kind, values))
