"""Control headers: how a trusted message, or a filter, says what becomes of a message.

`X-OTOBO-Queue` and `X-Postroom-Queue` are the same; here both are `Queue`, their canonical name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType

from core.inbound.trail import Complaint
from core.mail.headers import Headers
from core.text import bounded, clean

PREFIXES = ("x-otobo-", "x-postroom-")
"""What the names of control headers start with, in lower case."""

LONGEST_CONTROL = 1000
"""Characters kept of a control header's value."""

FOLLOW_UP = "FollowUp-"
"""Before the name of a control that counts for follow-ups."""

DYNAMIC_FIELD = "DynamicField-"

# The legacy key and value headers (ArticleKey, TicketValue and their like) are not read, on purpose.
_FOR_NEW = (
    "Queue", "Priority", "State", "State-PendingTime", "Type", "Service", "SLA", "Title", "Lock", "Owner", "OwnerID",
    "Responsible", "ResponsibleID", "CustomerNo", "CustomerUser", "SenderType", "IsVisibleForCustomer", "Ignore",
    "Loop",
)  # fmt: skip
_FOR_FOLLOW_UPS = (
    "Owner", "OwnerID", "Responsible", "ResponsibleID", "Priority", "Queue", "Lock", "State", "State-PendingTime",
    "State-Keep", "Type", "Service", "SLA", "SenderType", "IsVisibleForCustomer", "Title",
)  # fmt: skip
_CANONICAL = {name.lower(): name for name in (*_FOR_NEW, *(FOLLOW_UP + name for name in _FOR_FOLLOW_UPS))}
_DYNAMIC = (DYNAMIC_FIELD, FOLLOW_UP + DYNAMIC_FIELD)
_YES = frozenset({"yes", "true", "1", "on"})


class Controls(Mapping[str, str]):
    """What was asked for: canonical control name to value. Never changes; `updated` gives another."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str] = MappingProxyType({})) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))

    def __repr__(self) -> str:
        return f"Controls({self._values!r})"

    def updated(self, changes: Mapping[str, str]) -> Controls:
        """These controls with others set over them."""
        return Controls({**self._values, **changes}) if changes else self

    def says(self, name: str) -> bool:
        """Whether the control is there and means yes."""
        value = self._values.get(name)
        return value is not None and means_yes(value)


NO_CONTROLS = Controls()
"""Of a message that says nothing, which is nearly every one."""


def means_yes(value: str) -> bool:
    """Whether a value says yes."""
    return value.strip().lower() in _YES


def is_control(name: str) -> bool:
    """Whether a header of this name, in any case, is a control header, known or not."""
    return name.lower().startswith(PREFIXES)


@lru_cache(maxsize=1024)
def canonical_name(header: str) -> str | None:
    """The canonical name of a control header, with or without its prefix; `None` when there is none of that name."""
    name = header.strip()
    for prefix in PREFIXES:
        if name[: len(prefix)].lower() == prefix:
            name = name[len(prefix) :]
            break
    if known := _CANONICAL.get(name.lower()):
        return known
    for dynamic in _DYNAMIC:
        field = name[len(dynamic) :]
        if field and name[: len(dynamic)].lower() == dynamic.lower():
            return dynamic + field
    return None


def strip(headers: Headers) -> Headers:
    """The headers of an untrusted message: without any control header, known or not."""
    return headers.without(_is_lower_case_control)


def has_controls(headers: Headers) -> bool:
    """Whether the message carries any control header."""
    # Of every message this is asked: one text is searched, not a dozen.
    names = "\n" + "\n".join(headers.names())
    return "\nx-otobo-" in names or "\nx-postroom-" in names


def read_controls(headers: Headers) -> tuple[Controls, tuple[Complaint, ...]]:
    """What a trusted message asks for; of headers that say the same thing the first counts."""
    if not has_controls(headers):
        return NO_CONTROLS, ()
    values: dict[str, str] = {}
    complaints: list[Complaint] = []
    for name, _ in headers.raw_items():
        if not is_control(name):
            continue
        value = bounded(clean(headers.get(name) or ""), LONGEST_CONTROL)
        canonical = canonical_name(name)
        if canonical is None:
            complaints.append(
                Complaint(bounded(name, 200), value, "There is no such control header; it was passed over.")
            )
        elif value:
            values.setdefault(canonical, value)
    return Controls(values), tuple(complaints)


def dynamic_fields(controls: Mapping[str, str], *, of_follow_up: bool = False) -> dict[str, str]:
    """Name to value of the dynamic fields that are set."""
    prefix = FOLLOW_UP + DYNAMIC_FIELD if of_follow_up else DYNAMIC_FIELD
    return {name[len(prefix) :]: value for name, value in controls.items() if name.startswith(prefix)}


def canonical_settings(settings: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """What a filter sets, by canonical name, and the names that are no control headers."""
    named = [(canonical_name(name) if is_control(name) else None, name, value) for name, value in settings.items()]
    return (
        {canonical: value for canonical, _, value in named if canonical is not None},
        tuple(name for canonical, name, _ in named if canonical is None),
    )


def _is_lower_case_control(name: str) -> bool:
    return name.startswith(PREFIXES)


def known_names() -> Iterable[str]:
    """The canonical names of all control headers but dynamic fields; the docs are held against them."""
    return _CANONICAL.values()
