"""What a batch writes, as rows: built from placements, inserted in bulk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, update
from sqlmodel import Session

from core.db import bulk
from core.db.bulk import table_of
from core.db.engine import Dumped
from core.errors import StoreRefused
from core.failpoints import fp
from core.inbound.batch.offers import ActiveHandoff, offers_of
from core.inbound.decisions.changes import NO_CHANGES, RecordChanges
from core.inbound.decisions.judging import Judged
from core.inbound.decisions.placement import Ending, Placement
from core.inbound.marks import is_server_told, source_of
from core.inbound.trail import Step, Trail
from core.mail.summary import Summary
from core.models import Account, AfterFetch, Delivery, Message, MessageState, Quarantine, RawMessage, Record
from core.outbox.bounces import Report, note_bounces
from core.protocols.source import Key

_NO_FIELDS = Dumped("{}")

_TEXTS = ("message_id", "subject", "header_from", "from_address", "header_to", "sha256")

_record = table_of(Record)


def described(summary: Summary) -> dict[str, Any]:
    """The columns by which lists show a message and find it."""
    return {
        "message_id": summary.message_id,
        "subject": summary.subject,
        "header_from": summary.header_from,
        "header_to": summary.header_to,
        "date": summary.date,
    }


def dumped(trail: Trail) -> Dumped:
    """A trail as JSON; most steps are the same for most messages."""
    return Dumped(f"[{','.join(map(_dumped_step, trail))}]")


@lru_cache(maxsize=1024)
def _dumped_step(step: Step) -> str:
    return json.dumps(list(step), ensure_ascii=False, separators=(",", ":"))


@dataclass
class Rows:
    """The rows of one batch."""

    account: Account
    run_id: int
    now: datetime
    queue_ids: dict[str, int]
    handoffs: tuple[ActiveHandoff, ...] = ()
    messages: list[dict[str, Any]] = field(default_factory=list)
    raws: list[dict[str, Any]] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    quarantined: list[dict[str, Any]] = field(default_factory=list)
    changes: list[tuple[int, RecordChanges]] = field(default_factory=list)
    offers: list[dict[str, Any]] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    _of_all: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        account = self.account
        # Read once a batch: attributes of a mapped row are dearer than those of a plain one.
        self._of_all = {
            "account_id": account.id,
            "epoch": account.epoch,
            "record_id": None,
            "opened_record": False,
            "run_id": self.run_id,
            "after_fetch": account.after_fetch,
            "move_to": account.move_to,
            "acknowledged_at": None if is_server_told(account) else self.now,
        }

    def add_placed(self, message_id: int, judged: Judged, placement: Placement, record_id: int | None) -> None:
        """A message that was decided."""
        opened = placement.draft is not None or (placement.verdict.own is not None and not placement.is_copy)
        row = self._message(message_id, judged, placement.ending.value, placement.trail)
        row["record_id"] = record_id
        row["opened_record"] = opened and placement.ending is Ending.RECORDED
        self._add(row, judged)
        self.offer(message_id, placement, record_id)
        self.report(placement, record_id)
        if placement.ending is Ending.QUARANTINED:
            self._quarantine(message_id, placement.reason, "")

    def add_unreadable(self, message_id: int, judged: Judged) -> None:
        """A message that could not be judged: its bytes and the reason."""
        self._add(self._message(message_id, judged, MessageState.QUARANTINED.value, ()), judged)
        self._quarantine(message_id, judged.reason, judged.detail)

    def add_too_large(self, message_id: int, key: Key, size: int) -> None:
        """A message that was left on the server."""
        row: dict[str, Any] = dict.fromkeys(_TEXTS, "")
        self.messages.append(
            {
                **row,
                **source_of(self.account, key),
                "id": message_id,
                "size": size,
                "date": None,
                "received_at": self.now,
                "state": MessageState.TOO_LARGE.value,
                "record_id": None,
                "opened_record": False,
                "run_id": self.run_id,
                "after_fetch": AfterFetch.KEEP.value,
                "move_to": "",
                "acknowledged_at": None,
                "trail": [],
            }
        )

    def add_record(self, record_id: int, number: str, placement: Placement) -> None:
        """The record that a message opens."""
        draft = placement.draft
        assert draft is not None
        self.records.append(
            {
                "id": record_id,
                "number": number,
                "type": draft.type,
                "title": draft.title,
                "queue_id": self.queue_ids.get(placement.queue or ""),
                "state": draft.state,
                "priority": draft.priority,
                "lock": draft.lock,
                "owner": draft.owner,
                "responsible": draft.responsible,
                "customer": draft.customer,
                "account_id": self.account.id,
                "pending_until": draft.pending_until,
                "fields": dict(draft.fields) if draft.fields else _NO_FIELDS,
                "created_at": self.now,
                "updated_at": self.now,
            }
        )

    def offer(self, message_id: int, placement: Placement, record_id: int | None) -> None:
        """Tell the hand-offs of what the message did to a record."""
        if self.handoffs:
            self.offers += offers_of(self.handoffs, placement, message_id, record_id, self.now)

    def report(self, placement: Placement, record_id: int | None) -> None:
        """Tell the outbox of a bounce of what it sent, and the record of what was added to it."""
        if placement.reports_on and placement.verdict.facts.bounce is not None:
            self.reports.append(Report(placement.reports_on, placement.verdict.facts.bounce.outcomes))
            if record_id is not None:
                self.changes.append((record_id, NO_CHANGES))

    def write(self, session: Session) -> None:
        """Insert everything, and bring changed records up to date."""
        bulk.insert_rows(session, Record, self.records)
        bulk.insert_rows(session, Message, self.messages)
        fp("K8")
        bulk.insert_rows(session, RawMessage, self.raws)
        bulk.insert_rows(session, Quarantine, self.quarantined)
        bulk.insert_rows(session, Delivery, self.offers)
        self._touch(session, sorted({record_id for record_id, _ in self.changes}))
        for record_id, changes in self.changes:
            if changes:
                self._change(session, record_id, changes)
        if self.reports:
            note_bounces(session, self.reports, self.now)

    def _touch(self, session: Session, record_ids: Sequence[int]) -> None:
        if record_ids:
            statement = update(_record).where(_record.c.id == bindparam("this")).values(updated_at=bindparam("now"))
            touched = session.connection().execute(statement, [{"this": one, "now": self.now} for one in record_ids])
            if touched.rowcount != len(record_ids):
                # On PostgreSQL a record may be removed between our looking and now; who decides anew finds none.
                raise StoreRefused("A record that the message was to be added to was removed just now. Try again.")

    def _change(self, session: Session, record_id: int, changes: RecordChanges) -> None:
        values = {
            name: value
            for name in ("title", "state", "priority", "lock", "owner", "responsible")
            if (value := getattr(changes, name)) is not None
        }
        if changes.queue is not None:
            values["queue_id"] = self.queue_ids[changes.queue]
        if changes.state is not None:
            values |= {"pending_until": changes.pending_until, "woken_at": None}
        if changes.fields:
            record = session.get(Record, record_id)
            assert record is not None
            values["fields"] = {**record.fields, **changes.fields}
        session.connection().execute(update(_record).where(_record.c.id == record_id).values(values))

    def _message(self, message_id: int, judged: Judged, state: str, trail: Trail) -> dict[str, Any]:
        verdict, key = judged.verdict, judged.key
        summary = verdict.facts.summary if verdict is not None else judged.summary
        return {
            **self._of_all,
            "folder": key.folder,
            "uidvalidity": key.uidvalidity,
            "uid": key.uid,
            "uidl": key.uidl,
            "id": message_id,
            "sha256": judged.sha256,
            "size": len(judged.raw),
            **described(summary),
            "from_address": summary.from_address.lower(),
            "received_at": judged.received_at,
            "state": state,
            "trail": dumped(trail),
        }

    def _add(self, row: dict[str, Any], judged: Judged) -> None:
        self.messages.append(row)
        self.raws.append({"message_id": row["id"], "data": judged.raw})

    def _quarantine(self, message_id: int, reason: str, detail: str) -> None:
        self.quarantined.append(
            {
                "message_id": message_id,
                "reason": reason,
                "detail": detail,
                "attempts": 1,
                "trusted": self.account.trusted,
                "created_at": self.now,
                "tried_at": self.now,
            }
        )
