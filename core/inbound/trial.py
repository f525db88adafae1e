"""Trying a changed set of filters on stored messages: where each would end before and after, and the rule that decides.

Both sides are worked out by today's rules and the real path, so that what differs comes from the filters alone. Each
message is tried on its own, among what is stored now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from core import clock
from core.handles import Handles
from core.inbound.batch.lookup import load_known
from core.inbound.batch.rules import load_rules
from core.inbound.control_headers import DYNAMIC_FIELD, FOLLOW_UP
from core.inbound.decisions.facts import Rules
from core.inbound.decisions.filters import CompiledFilter, in_order
from core.inbound.decisions.judging import Judged, judge_message
from core.inbound.decisions.known import Known
from core.inbound.decisions.placement import Placement
from core.inbound.decisions.verdict import settle
from core.inbound.explain import Outcome, outcome_of
from core.inbound.stand_in import DELETED, account_with_defaults
from core.inbound.stored import StoredMessage, stored_message, stored_messages
from core.inbound.trail import Stage, Step
from core.models import Account

_CONTROLS = {
    "title": ("Title",),
    "state": ("State",),
    "priority": ("Priority",),
    "lock": ("Lock",),
    "owner": ("Owner", "OwnerID"),
    "responsible": ("Responsible", "ResponsibleID"),
    "customer": ("CustomerUser", "CustomerNo"),
    "pending_until": ("State-PendingTime", "State"),
}
"""Which control headers set a value of a record; of all others their own name, or the dynamic field of that name."""


@dataclass(frozen=True)
class Tried:
    """One message, tried."""

    id: int
    account: str
    message_id: str
    subject: str
    header_from: str
    received_at: datetime
    state: str
    """As it is stored."""
    record: str
    """The number of the record it is on; empty if it is on none."""
    before: Outcome
    after: Outcome
    step: Step
    """What decides where it ends after: a filter, a header, a setting."""

    @property
    def places(self) -> tuple[str, ...]:
        """What differs of where it ends: `state`, `queue`, `record`."""
        return tuple(
            name for name in ("state", "queue", "record") if getattr(self.before, name) != getattr(self.after, name)
        )

    @property
    def values(self) -> tuple[str, ...]:
        """Which values of its record differ."""
        return differing_values(self.before, self.after)

    @property
    def is_different(self) -> bool:
        """Whether the changed filters make a difference to it."""
        return bool(self.places or self.values)


def try_filters(
    handles: Handles, changed: Sequence[CompiledFilter], last: int, *, without: Collection[str] = ()
) -> Iterator[Tried]:
    """Try these filters, which replace those of the same names, on the last messages; newest first.

    `without`: filters that would be gone, for one because they are renamed.

    Raises:
        ConfigurationError: the record type of an account is not installed.
    """
    sides = _SidesByAccount(handles, changed, without)
    for window in stored_messages(handles, last):
        yield from _tried(handles, sides, window)


def explain_stored(handles: Handles, message_id: int) -> Outcome | None:
    """What today's rules would make of a stored message, among what is stored now; `None` if its bytes are not here.

    Raises:
        ConfigurationError: the record type of its account is not installed.
    """
    one = stored_message(handles, message_id)
    if one is None:
        return None
    sides = _SidesByAccount(handles, ()).of(one.row.account_id)
    judged = judge_message(one.fetched, sides.before, clock.utcnow())
    known = _known(handles, sides.account, [judged])
    return _with_own_record(one, outcome_of(judged, _settled(one, judged, known)))


@dataclass(frozen=True)
class _Sides:
    """An account's rules as they are, and with the changed filters."""

    account: Account
    before: Rules
    after: Rules
    filters: Mapping[str, CompiledFilter]
    """Those of the changed side, and those that stand in trails of the other alone."""


class _SidesByAccount:
    """Loaded when the first message of an account is met."""

    def __init__(self, handles: Handles, changed: Sequence[CompiledFilter], without: Collection[str] = ()) -> None:
        self._handles = handles
        self._changed = {one.name: one for one in changed}
        self._without = frozenset(without)
        self._known: dict[int | None, _Sides] = {}

    def of(self, account_id: int | None) -> _Sides:
        """Both sides of this account."""
        if account_id not in self._known:
            account = self._account(account_id)
            rules = load_rules(self._handles, account).rules
            merged = {**{one.name: one for one in rules.filters}, **self._changed}
            after = replace(rules, filters=in_order(one for one in merged.values() if one.name not in self._without))
            self._known[account_id] = _Sides(account, rules, after, merged)
        return self._known[account_id]

    def _account(self, account_id: int | None) -> Account:
        with self._handles.database.reading() as session:
            account = session.get(Account, account_id) if account_id is not None else None
            if account is not None:
                session.expunge(account)
        return account or account_with_defaults(DELETED, account_id)


def _tried(handles: Handles, sides: _SidesByAccount, window: Sequence[StoredMessage]) -> Iterator[Tried]:
    now = clock.utcnow()
    judged = [(one, *_judged(one, sides.of(one.row.account_id), now)) for one in window]
    by_account: dict[int | None, list[Judged]] = defaultdict(list)
    for one, before, after in judged:
        by_account[one.row.account_id] += (before, after)
    known = {account_id: _known(handles, sides.of(account_id).account, all_) for account_id, all_ in by_account.items()}
    for one, before, after in judged:
        account_id = one.row.account_id
        yield _compared(one, sides.of(account_id), known[account_id], before, after)


def _judged(one: StoredMessage, sides: _Sides, now: datetime) -> tuple[Judged, Judged]:
    return judge_message(one.fetched, sides.before, now), judge_message(one.fetched, sides.after, now)


def _known(handles: Handles, account: Account, judged: Sequence[Judged]) -> Known:
    verdicts = [one.verdict for one in judged if one.verdict is not None]
    with handles.database.reading() as session:
        return load_known(session, account, verdicts, {}) if verdicts else Known()


def _compared(one: StoredMessage, sides: _Sides, known: Known, before: Judged, after: Judged) -> Tried:
    row = one.row
    placed_before, placed_after = _settled(one, before, known), _settled(one, after, known)
    was, is_ = outcome_of(before, placed_before), outcome_of(after, placed_after)
    return Tried(
        id=row.id,
        account=sides.account.name,
        message_id=row.message_id,
        subject=row.subject,
        header_from=row.header_from,
        received_at=row.received_at,
        state=row.state,
        record=row.number or "",
        before=_with_own_record(one, was),
        after=_with_own_record(one, is_),
        step=_deciding(placed_before, placed_after, sides.filters, differing_values(was, is_)),
    )


def _settled(one: StoredMessage, judged: Judged, known: Known) -> Placement | None:
    verdict = judged.verdict
    if verdict is None:
        return None
    times = known.recorded_at.get(verdict.sender)
    if not times or not one.row.opened_record:
        return settle(verdict, known)
    # It made one of its sender's records itself, which the loop guard did not count when it came.
    without = list(times)
    if one.row.received_at in without:
        without.remove(one.row.received_at)
    known.recorded_at[verdict.sender] = without
    try:
        return settle(verdict, known)
    finally:
        known.recorded_at[verdict.sender] = times


def _with_own_record(one: StoredMessage, outcome: Outcome) -> Outcome:
    """The record that a message opened is its new record still."""
    if outcome.record_type and one.row.opened_record and one.row.number:
        return replace(outcome, record=one.row.number)
    return outcome


def differing_values(before: Outcome, after: Outcome) -> tuple[str, ...]:
    """Which values of a record differ, where both make or change one."""
    if before.state != after.state:
        return ()
    names = sorted({*before.values, *after.values} - {"queue"})
    return tuple(name for name in names if before.values.get(name) != after.values.get(name))


def _deciding(
    before: Placement | None, after: Placement | None, filters: Mapping[str, CompiledFilter], values: Collection[str]
) -> Step:
    """The step that decides where the message ends, or, where that is the same, the one that sets what differs."""
    if after is None:
        return Step(Stage.IGNORE, "", "it could not be judged")
    last = after.trail[-1]
    wanted = {"Ignore"} if last.stage is Stage.IGNORE else {"Queue"} if last.rule == "Queue" else set()
    if after.changes.queue:
        wanted |= {f"{FOLLOW_UP}Queue"}
    if before is not None and before.ending is after.ending and before.queue == after.queue:
        wanted |= {control for name in values for control in _controls_of(name)}
    if (setter := _setter(after, filters, wanted)) is not None:
        return setter
    if before is not None and values and (setter := _setter(before, filters, wanted)) is not None:
        return Step(setter.stage, setter.rule, "no longer matches, or no longer sets this")
    return last


def _setter(placement: Placement, filters: Mapping[str, CompiledFilter], wanted: Collection[str]) -> Step | None:
    """The last filter of a trail that sets one of these."""
    for step in reversed(placement.trail):
        if step.stage is Stage.FILTERS and step.rule in filters and wanted & filters[step.rule].settings.keys():
            return step
    return None


def _controls_of(value: str) -> tuple[str, ...]:
    names = _CONTROLS.get(value, (value, f"{DYNAMIC_FIELD}{value}"))
    return (*names, *(f"{FOLLOW_UP}{name}" for name in names))
