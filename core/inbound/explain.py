"""What would happen to a message, and why: the real path up to where it would write, and no further."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core import clock
from core.handles import Handles
from core.inbound.batch.lookup import load_known
from core.inbound.batch.rules import load_rules
from core.inbound.decisions.changes import RecordChanges
from core.inbound.decisions.judging import Judged, judge_message
from core.inbound.decisions.placement import Ending, Placement
from core.inbound.decisions.verdict import settle
from core.inbound.stand_in import account_with_defaults
from core.inbound.trail import Complaint, Trail
from core.models import Account, AccountType, MessageState
from core.protocols.source import Fetched, Key

_OF_RECORDS = ("title", "state", "priority", "lock", "owner", "responsible", "customer", "pending_until")


@dataclass(frozen=True)
class Outcome:
    """Where a message would end, and what that would do."""

    state: str
    """As it would be stored: recorded, quarantined, ignored, bounce, too_large."""
    trail: Trail = ()
    complaints: tuple[Complaint, ...] = ()
    record_type: str = ""
    """Of the new record; empty if it makes none."""
    record: str = ""
    """The number of the record that it would be added to."""
    queue: str = ""
    """Of the record, as it would be afterwards."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """What the new record starts with, or what changes on the one it is added to."""
    reason: str = ""
    """Why it would be quarantined, or left on its server."""


def explain(handles: Handles, raw: bytes, account: Account | None = None, *, at: datetime | None = None) -> Outcome:
    """What would happen to this message if the account received it now; nothing is written.

    Raises:
        ConfigurationError: the account's record type is not installed.
    """
    account = account or account_with_defaults("no account")
    if len(raw) > account.max_size:
        limit = f"{len(raw):,} bytes are over the account's limit of {account.max_size:,}"
        return Outcome(MessageState.TOO_LARGE.value, reason=f"{limit}: it would be left on its server")
    rules = load_rules(handles, account).rules
    is_imap = AccountType(account.type).is_imap
    key = Key(account.folders[0] if is_imap and account.folders else "", 0, 0, "")
    judged = judge_message(Fetched(key, raw, len(raw), at), rules, clock.utcnow())
    if judged.verdict is None:
        return outcome_of(judged, None)
    with handles.database.reading() as session:
        known = load_known(session, account, [judged.verdict], {})
    return outcome_of(judged, settle(judged.verdict, known))


def outcome_of(judged: Judged, placement: Placement | None) -> Outcome:
    """What was decided, as an outcome; without a placement the message could not be judged."""
    if placement is None:
        return Outcome(MessageState.QUARANTINED.value, reason=judged.reason)
    draft, record = placement.draft, placement.record
    queue = placement.queue or placement.changes.queue or (record.queue if record is not None else "")
    return Outcome(
        state=placement.ending.value,
        trail=placement.trail,
        complaints=placement.complaints,
        record_type=draft.type if draft is not None else "",
        record=record.number if record is not None else "",
        queue=queue if placement.ending in {Ending.RECORDED, Ending.BOUNCE} else "",
        values=_values(placement),
        reason=placement.reason,
    )


def _values(placement: Placement) -> dict[str, Any]:
    what: Any = placement.draft if placement.draft is not None else placement.changes
    values = {name: getattr(what, name, None) for name in _OF_RECORDS}
    if isinstance(what, RecordChanges):
        values["queue"] = what.queue
    return {name: value for name, value in {**values, **what.fields}.items() if value not in (None, "")}
