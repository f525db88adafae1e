"""The recipients of outgoing messages, beside their rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from core.db.bulk import table_of
from core.models import Recipient
from core.resources.kind import Kind
from core.resources.outbox import OUTBOX

_AT_ONCE = 500
"""Ids in one statement; SQLite takes some thousands of variables."""


def put_into(session: Session, kind: Kind, rows: Sequence[Any]) -> None:
    """Give each row of the outbox its `recipients`; rows of other kinds stay as they are."""
    if kind is not OUTBOX:
        return
    by_message: dict[int, list[dict[str, Any]]] = {row["id"]: [] for row in rows}
    ids = list(by_message)
    table = table_of(Recipient)
    for start in range(0, len(ids), _AT_ONCE):
        wanted = table.c.outgoing_id.in_(ids[start : start + _AT_ONCE])
        for found in session.connection().execute(select(table).where(wanted).order_by(table.c.id)).mappings():
            told = {name: found[name] for name in ("address", "state", "reply_code", "enhanced_code", "text")}
            by_message[found["outgoing_id"]].append({**told, "bcc": True} if found["is_bcc"] else told)
    for row in rows:
        row["recipients"] = by_message[row["id"]]
