"""Postmaster filters: conditions over headers and body that set control headers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from core.errors import BadInput, Problem
from core.inbound.control_headers import (
    LONGEST_CONTROL,
    NO_CONTROLS,
    Controls,
    canonical_name,
    canonical_settings,
    is_control,
)
from core.inbound.decisions.expression import Expression
from core.inbound.trail import Complaint, Stage, Step
from core.mail.addresses import bare_addresses, read_addresses
from core.mail.headers import Headers
from core.text import bounded, clean

LONGEST_BODY = 1024 * 1024
"""Characters of the decoded body that decisions look at."""

EMAIL_ADDRESS = "EMAILADDRESS:"
"""Before an expression that is to fit a bare address as a whole."""

_BODY = "body"
_ADDRESS_FIELDS = frozenset({"from", "to", "cc"})
_LAST_CAPTURE = "[***]"
_ADDRESS_CAPTURE = "email"
"""The name of the address that fitted; `[***]` is it too, where nothing else was captured."""
_NAMED_CAPTURE = re.compile(r"\[\*\*\\(\w{1,64})\*\*\]")


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition, compiled."""

    header: str
    """In lower case; `body` is the body."""
    control: str | None
    """The canonical name, when the header is a control header."""
    pattern: Expression
    is_address: bool
    is_negated: bool

    def match_in(self, values: Iterable[str]) -> Any:
        """The match in the first of these values that has one, or `None`."""
        if not self.is_address:
            return self.pattern.first_in(values)
        addresses = (address for value in values for address in bare_addresses(value))
        return self.pattern.first_in(addresses, as_a_whole=True)


@dataclass(frozen=True, slots=True)
class CompiledFilter:
    """A filter made ready to run."""

    name: str
    stop: bool
    conditions: tuple[Condition, ...]
    settings: Mapping[str, str]
    """Canonical control name to value, perhaps with captures to be filled in."""


@dataclass(frozen=True, slots=True)
class FilterVerdict:
    """What the filters made of a message."""

    set: Mapping[str, str]
    """Canonical control name to value."""
    steps: tuple[Step, ...]
    complaints: tuple[Complaint, ...]


_NOTHING_SET = FilterVerdict(MappingProxyType({}), (), ())


def compile_filter(
    name: str, *, stop: bool, match: Sequence[Mapping[str, Any]], settings: Mapping[str, str]
) -> CompiledFilter:
    """Make a filter ready to run.

    Raises:
        BadInput: with every problem in it, each with its place.
    """
    problems: list[Problem] = []
    conditions = tuple(
        condition
        for number, entry in enumerate(match, 1)
        if (condition := _condition(name, f"match {number}", entry, problems)) is not None
    )
    if not match:
        problems.append(Problem(name, "match", "A filter needs at least one condition."))
    values, unknown = canonical_settings({header: str(value) for header, value in settings.items()})
    problems += (Problem(name, "set", f"{header} is no control header.") for header in unknown)
    if not settings:
        problems.append(Problem(name, "set", "A filter needs at least one value to set."))
    if problems:
        raise BadInput(problems=tuple(problems))
    return CompiledFilter(name, stop, conditions, MappingProxyType(values))


def in_order(filters: Iterable[CompiledFilter]) -> tuple[CompiledFilter, ...]:
    """The filters in the order they run: by name, by code point."""
    return tuple(sorted(filters, key=lambda compiled: compiled.name))


def run_filters(
    filters: Sequence[CompiledFilter],
    headers: Headers,
    body: Callable[[], str],
    controls: Controls = NO_CONTROLS,
    *,
    extra: Mapping[str, Callable[[], str]] = MappingProxyType({}),
) -> FilterVerdict:
    """Run filters, which are in their order, over a message.

    `controls` are what a trusted message says itself; `extra` gives values that are worked out when asked for, by
    lower-case header name (`x-otobo-attachmentcount`).
    """
    if not filters:
        return _NOTHING_SET
    reader = _Reader(headers, body, controls, extra)
    steps: list[Step] = []
    complaints: list[Complaint] = []
    for compiled in filters:
        try:
            captures = _captures(compiled, reader)
        except TimeoutError:
            text = "An expression ran longer than it may; the filter counts as no match."
            complaints.append(Complaint(f"filter {compiled.name}", "", text))
            continue
        if captures is None:
            continue
        values = {name: _filled_in(value, captures) for name, value in compiled.settings.items()}
        values = {name: value for name, value in values.items() if value}
        reader.set.update(values)
        shown = ", ".join(f"{name} = {value}" for name, value in values.items()) or "nothing"
        steps.append(
            Step(Stage.FILTERS, compiled.name, f"sets {shown}{'; no filter after it' if compiled.stop else ''}")
        )
        if compiled.stop:
            break
    if not steps and not complaints:
        return _NOTHING_SET
    return FilterVerdict(reader.set, tuple(steps), tuple(complaints))


class _Reader:
    """The values that conditions look at: what filters set, what a trusted message says, its headers, its body."""

    __slots__ = ("_body", "_controls", "_extra", "_headers", "_text", "set")

    def __init__(
        self,
        headers: Headers,
        body: Callable[[], str],
        controls: Controls,
        extra: Mapping[str, Callable[[], str]],
    ) -> None:
        self.set: dict[str, str] = {}
        self._headers = headers
        self._body = body
        self._controls = controls
        self._extra = extra
        self._text: str | None = None

    def values(self, condition: Condition) -> tuple[str, ...]:
        if condition.control is not None:
            value = self.set.get(condition.control) or self._controls.get(condition.control)
            return (value,) if value is not None else ()
        if condition.header == _BODY:
            if self._text is None:
                self._text = self._body()[:LONGEST_BODY]
            return (self._text,)
        if condition.header in self._extra:
            return (self._extra[condition.header](),)
        # Addresses have a grammar, and are read before encoded words are decoded.
        if condition.is_address:
            return self._headers.raw_all(condition.header)
        values = self._headers.get_all(condition.header)
        if condition.header in _ADDRESS_FIELDS:
            values += tuple(text for text in self._written_plainly(condition.header) if text not in values)
        return values

    def _written_plainly(self, name: str) -> tuple[str, ...]:
        """An address field as `Name <address>, address`: `^root@` fits `<root@host>` too."""
        return tuple(", ".join(map(str, read_addresses(value))) for value in self._headers.raw_all(name))


def _captures(compiled: CompiledFilter, reader: _Reader) -> dict[str, str] | None:
    """What the conditions captured, the last capture under the empty name; `None` when one does not hold."""
    captures: dict[str, str] = {}
    for condition in compiled.conditions:
        found = condition.match_in(reader.values(condition))
        if (found is None) != condition.is_negated:
            return None
        if found is None:
            continue
        if condition.is_address:
            captures.setdefault("", found[0])
            captures[_ADDRESS_CAPTURE] = found[0]
        groups = [group for group in found.groups() if group is not None]
        if groups:
            captures[""] = groups[-1]
        captures |= {name: group for name, group in found.groupdict().items() if group is not None}
    return captures


def _filled_in(value: str, captures: Mapping[str, str]) -> str:
    """A value with captures in it. What was captured is text, never read for captures again."""
    if "[**" not in value:
        return value
    parts = value.split(_LAST_CAPTURE)
    filled = captures.get("", "").join(
        _NAMED_CAPTURE.sub(lambda found: captures.get(found[1], ""), part) for part in parts
    )
    return bounded(clean(filled), LONGEST_CONTROL).strip()


def _condition(name: str, place: str, entry: Mapping[str, Any], problems: list[Problem]) -> Condition | None:
    header = str(entry.get("header", "")).strip()
    expression = str(entry.get("regex", ""))
    if not header:
        problems.append(Problem(name, place, "A condition needs a header, or Body."))
    if not expression:
        problems.append(Problem(name, place, "A condition needs an expression."))
    is_address = expression.startswith(EMAIL_ADDRESS)
    expression = expression.removeprefix(EMAIL_ADDRESS)
    try:
        pattern = Expression(expression)
    except BadInput as error:
        problems.append(Problem(name, place, f"{header}: {error}"))
        return None
    return Condition(
        header=header.lower(),
        control=_control_of(header),
        pattern=pattern,
        is_address=is_address,
        is_negated=bool(entry.get("negate", False)),
    )


def _control_of(header: str) -> str | None:
    return canonical_name(header) if is_control(header) else None
