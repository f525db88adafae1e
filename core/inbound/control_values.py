"""What control headers may say: each value is checked against the lists in the settings before it counts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.inbound.control_headers import DYNAMIC_FIELD, FOLLOW_UP, Controls
from core.inbound.trail import Complaint

LOCKS = ("unlock", "lock")
SENDER_TYPES = ("customer", "agent", "system")

_RELATIVE = re.compile(r"([+-]?)\s*([0-9]{1,9})\s*([smhd]?)", re.IGNORECASE)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_YES_OR_NO = {"yes": "yes", "true": "yes", "1": "yes", "on": "yes", "no": "no", "false": "no", "0": "no", "off": "no"}
_SOME_TIME = datetime(2026, 1, 1, tzinfo=UTC)

_Check = Callable[[str], str | None]
"""A value to the value that counts, or `None` when it is unknown."""


@dataclass(frozen=True)
class AllowedValues:
    """The lists of the settings."""

    states: tuple[str, ...] = (
        "new",
        "open",
        "pending reminder",
        "pending auto close",
        "closed successful",
        "closed unsuccessful",
    )
    priorities: tuple[str, ...] = ("1 very low", "2 low", "3 normal", "4 high", "5 very high")
    types: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    slas: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    """Empty: anyone may own a record."""
    dynamic_fields: tuple[str, ...] = ()


class ControlValues:
    """The checks of all control headers, made once from the settings."""

    def __init__(self, allowed: AllowedValues) -> None:
        owner = _one_of(allowed.owners) if allowed.owners else _anything
        # Owners have no numbers of their own here: an id is the place in the list, counted from one.
        owner_id = _one_of(str(place) for place in range(1, len(allowed.owners) + 1))
        self._checks: dict[str, _Check] = {
            "State": _one_of(allowed.states),
            "Priority": _one_of(allowed.priorities),
            "Type": _one_of(allowed.types),
            "Service": _one_of(allowed.services),
            "SLA": _one_of(allowed.slas),
            "Lock": _one_of(LOCKS),
            "Owner": owner,
            "Responsible": owner,
            "OwnerID": owner_id,
            "ResponsibleID": owner_id,
            "SenderType": _one_of(SENDER_TYPES),
            "IsVisibleForCustomer": lambda value: _YES_OR_NO.get(value.lower()),
            "State-PendingTime": lambda value: value if pending_time(value, _SOME_TIME) else None,
        }
        self._fields = {name.lower(): name for name in allowed.dynamic_fields}
        self._owners = allowed.owners

    def checked(self, controls: Controls) -> tuple[Controls, tuple[Complaint, ...]]:
        """The controls that count, and a complaint about each of the others. Queues are looked at in dispatch."""
        if not controls:
            return controls, ()
        values: dict[str, str] = {}
        complaints: list[Complaint] = []
        for name, value in controls.items():
            prefix, own_name = _split(name)
            if own_name.startswith(DYNAMIC_FIELD):
                field = self._fields.get(own_name[len(DYNAMIC_FIELD) :].lower())
                known_name, known = f"{prefix}{DYNAMIC_FIELD}{field}", value if field else None
            else:
                known_name, known = self._owner_named(prefix, own_name, self._checks.get(own_name, _anything)(value))
            if known is None:
                complaints.append(Complaint(name, value, _why_not(own_name)))
            else:
                values[known_name] = known
        return Controls(values), tuple(complaints)

    def _owner_named(self, prefix: str, name: str, known: str | None) -> tuple[str, str | None]:
        """An owner or responsible by name where it was given by its place."""
        if known is None or name not in ("OwnerID", "ResponsibleID"):
            return prefix + name, known
        return prefix + name.removesuffix("ID"), self._owners[int(known) - 1]


_FIRST_YEAR, _LAST_YEAR = 1970, 9000


def pending_time(value: str, now: datetime) -> datetime | None:
    """Until when a pending state lasts: absolute (ISO 8601, UTC unless it says otherwise), or ±N[smhd] from now."""
    value = value.strip()
    found: datetime | None
    try:
        moment = datetime.fromisoformat(value)
        found = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        found = _from_now(value, now)
    # At the ends of time nobody can show it in his own zone.
    return found if found is not None and _FIRST_YEAR <= found.year <= _LAST_YEAR else None


def _from_now(value: str, now: datetime) -> datetime | None:
    relative = _RELATIVE.fullmatch(value)
    if relative is None:
        return None
    sign, number, unit = relative.groups()
    seconds = int(number) * _SECONDS[unit.lower()]
    try:
        return now + timedelta(seconds=-seconds if sign == "-" else seconds)
    except OverflowError:
        return None


def _why_not(name: str) -> str:
    if name.startswith(DYNAMIC_FIELD):
        return "There is no such dynamic field; it was passed over."
    return _WHY_NOT.get(name, "The value is not in the settings; the default stands.")


_NO_PLACE = "There is nobody at that place of the setting owners; the default stands."
_WHY_NOT = {
    "OwnerID": _NO_PLACE,
    "ResponsibleID": _NO_PLACE,
    "SenderType": f"It is one of {', '.join(SENDER_TYPES)}; it was passed over.",
    "IsVisibleForCustomer": "It is yes or no; it was passed over.",
    "State-PendingTime": "It is no time such as 2026-12-24T18:00 or +3d; the default stands.",
}


def _split(name: str) -> tuple[str, str]:
    return (FOLLOW_UP, name[len(FOLLOW_UP) :]) if name.startswith(FOLLOW_UP) else ("", name)


def _one_of(values: Iterable[str]) -> _Check:
    known = {value.lower(): value for value in values}
    return lambda value: known.get(value.strip().lower())


def _anything(value: str) -> str | None:
    return value
