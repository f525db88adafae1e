"""The audit log: who did what, when, and what it was before; only ever added to."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlmodel import Session

from core import clock
from core.models import Audit
from core.secret import MASK, Secret
from core.services.actor import Actor

_journal = logging.getLogger("postroom.audit")


def note(
    session: Session,
    actor: Actor,
    verb: str,
    kind: str,
    name: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> Audit:
    """Write a line within the transaction of what it tells of; give it to `publish` once that is committed."""
    line = Audit(
        at=clock.utcnow(), actor=str(actor), verb=verb, kind=kind, name=name, before=_plain(before), after=_plain(after)
    )
    session.add(line)
    session.flush()
    return line


def publish(*lines: Audit) -> None:
    """Tell the journal too, so that who can write the database cannot unsay it there."""
    for line in lines:
        _journal.info(
            "%s %s %s %s before=%s after=%s",
            line.actor, line.verb, line.kind, json.dumps(line.name), json.dumps(line.before), json.dumps(line.after),
        )  # fmt: skip


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What changed, as it was and as it is."""
    changed = [name for name in after if before.get(name) != after[name]]
    return {name: before.get(name) for name in changed}, {name: after[name] for name in changed}


def _plain(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if values is None else {name: _plain_value(value) for name, value in values.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value
