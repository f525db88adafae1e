"""Small worlds for tests of services: the least that each kind takes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session, SQLModel

from core.handles import Handles
from core.services.actor import Actor
from core.services.configuration.catalogue import RESOURCES

NOW = datetime(2026, 11, 20, 21, 4, 10, tzinfo=UTC)

ACCOUNT: dict[str, Any] = {"type": "IMAPS", "host": "imap.example.org", "username": "support@example.org"}

LEAST: dict[str, dict[str, Any]] = {
    "profile": {"provider": "gmail", "method": "refresh_token", "client_id": "id"},
    "template": {"smtp_host": "smtp.example.org"},
    "mailbox": {"template": "Gmail SMTP Relay"},
    "queue": {},
    "address": {"queue": "Raw"},
    "account": ACCOUNT,
    "filter": {"match": [{"header": "Subject", "regex": "invoice"}], "set": {"X-OTOBO-Queue": "Junk"}},
    "handoff": {"command": "/usr/bin/true"},
}
"""What each kind needs at least, beside its name."""


def name_for(kind: str, name: str) -> str:
    """A name that the kind takes."""
    return f"{name.lower()}@example.org" if kind == "address" else name


def add(handles: Handles, actor: Actor, kind: str, name: str, **more: Any) -> int:
    """One more of a kind, with the least that it takes."""
    return RESOURCES[kind].add(handles, actor, name, {**LEAST[kind], **more}).id


def put(handles: Handles, *rows: SQLModel) -> None:
    """Rows as a worker would have written them."""

    def work(session: Session) -> None:
        for row in rows:
            session.add(type(row)(**row.model_dump()))
            session.flush()

    handles.database.writing(work)


def shown(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Some of the values."""
    return {name: values[name] for name in names}
