"""Hand-offs: other systems that records are offered to."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from sqlmodel import Session

from core.errors import Problem
from core.inbound import record_types
from core.protocols.https_post import read_web_address
from core.resources.routing import HANDOFF, QUEUE
from core.services.editing.drafts import Draft
from core.services.editing.guards import Guards
from core.services.editing.verbs import Resource
from core.services.lookup import living


def judged(session: Session, draft: Draft) -> list[Problem]:
    """Exactly one way to hand over, one that can be used, and only queues and record types that there are."""
    is_read = draft.is_read("command", "url")
    complaints = _of_receiver(draft.values["command"], draft.values["url"]) if is_read else {}
    if absent := [name for name in draft.values["queues"] if living(session, QUEUE, name) is None]:
        complaints["queues"] = f"there is no queue {', '.join(map(repr, absent))}."
    if unknown := [name for name in draft.values["types"] if name not in record_types.names()]:
        complaints["types"] = f"there is no record type {', '.join(map(repr, unknown))}."
    return [draft.problem(name, text) for name, text in complaints.items()]


def warned(_session: Session, draft: Draft) -> list[str]:
    """What is allowed, though nothing is handed over before it is mended."""
    if draft.is_new and draft.values["url"] and "secret" not in draft.secrets:
        return ["What is posted is signed with a secret: nothing is handed over before there is one."]
    if draft.values["command"] and draft.moved("command") and not _can_run(draft.values["command"]):
        return ["There is no such program on this machine: nothing is handed over by a worker here before there is."]
    return []


def _can_run(command: str) -> bool:
    program = Path(shlex.split(command)[0])
    return program.is_file() and os.access(program, os.X_OK)


def _of_receiver(command: str, url: str) -> dict[str, str]:
    if command and url:
        return {"command": "and the address (url) exclude each other: give one of the two."}
    if not command and not url:
        return {"command": "or the address (url) must be given."}
    return _of_command(command) if command else _of_url(url)


def _of_command(command: str) -> dict[str, str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        return {"command": f"cannot be read: {error}."}
    if not words or not words[0].startswith("/"):
        return {"command": "begins with the path of a program, /usr/local/bin/…; no shell reads it."}
    return {}


def _of_url(url: str) -> dict[str, str]:
    try:
        read_web_address(url)
    except ValueError as error:
        return {"url": str(error)}
    return {}


handoffs = Resource(HANDOFF, Guards(judge=judged, warn=warned))
