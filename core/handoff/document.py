"""What a receiver is told: the record as it is, the message that did it, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from core.db.bulk import table_of
from core.mail.body import read_body
from core.models import Delivery, RawMessage, Record
from core.resources.incoming import MESSAGE, RECORD
from core.resources.json_rows import as_json, plain
from core.resources.kind import Kind

LONGEST_TEXT = 200_000
"""Characters of a message's text that are told; the bytes are there with `postroom raw`."""


def facts_of(session: Session, delivery: Delivery, handoff: str) -> dict[str, Any] | None:
    """What is told of one delivery, without the message's text; `None` if its record or message is gone."""
    record = _row(session, RECORD, delivery.record_id)
    message = _row(session, MESSAGE, delivery.message_id)
    if record is None or message is None:
        return None
    row = session.get(Record, delivery.record_id)
    return {
        "delivery": delivery.id,
        "handoff": handoff,
        "event": delivery.event,
        "at": plain(delivery.created_at),
        "attempt": delivery.attempts + 1,
        "record": {**as_json(RECORD, record), "fields": plain(row.fields if row is not None else {})},
        "message": as_json(MESSAGE, message),
    }


def raw_of(session: Session, message_id: int) -> bytes | None:
    """The message's bytes, if they are kept still."""
    raw = session.get(RawMessage, message_id)
    return None if raw is None else raw.data


def document_of(facts: Mapping[str, Any], raw: bytes | None) -> bytes:
    """The document as it is sent: with the text and the list of attachments, read from the bytes."""
    return json.dumps({**facts, "message": {**facts["message"], **_content(raw)}}, separators=(",", ":")).encode()


def _content(raw: bytes | None) -> dict[str, Any]:
    if raw is None:
        return {"text": None, "attachments": []}
    body = read_body(raw, LONGEST_TEXT)
    attachments = [{"name": part.file_name, "media_type": part.media_type, "size": part.size} for part in body.parts]
    return {"text": body.text, "attachments": attachments}


def _row(session: Session, kind: Kind, row_id: int) -> dict[str, Any] | None:
    table = table_of(kind.model)
    columns = [column.sql.label(column.name) for column in kind.columns]
    found = session.connection().execute(select(*columns).where(table.c.id == row_id)).mappings().first()
    return None if found is None else dict(found)
