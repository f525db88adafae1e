"""Does a message belong to a record that is there already? By number in its subject, or by what it answers."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

MOST_NUMBERS = 20
"""Numbers of records in one message that are looked up."""

MOST_MESSAGE_IDS = 50
"""Of a thread that is longer the newest are looked up."""

SHORTEST_COUNTER = 6
"""Digits of a record number's counter; zeros before it fill it up."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """What is to be looked up, in the order in which it counts."""

    numbers: tuple[str, ...] = ()
    message_ids: tuple[str, ...] = ()
    """Newest first."""
    late_numbers: tuple[str, ...] = ()
    """From body and attachments, where the settings allow it: asked last."""

    def __bool__(self) -> bool:
        return bool(self.numbers or self.message_ids or self.late_numbers)


NO_CANDIDATES = Candidates()


@dataclass(frozen=True, slots=True)
class FollowUp:
    """The record a message belongs to, and how that was found."""

    number: str
    rule: str
    """`subject`, `references` or `body`."""
    why: str


def record_number(day: date, system_id: int, counter: int) -> str:
    """A record's number: YYYYMMDD, the system id, the counter."""
    return f"{_day(day)}{system_id}{counter:0{SHORTEST_COUNTER}d}"


@lru_cache(maxsize=4)
def _day(day: date) -> str:
    return f"{day:%Y%m%d}"


def numbers_in(text: str, system_id: int, hooks: tuple[str, ...]) -> tuple[str, ...]:
    """The record numbers of this system behind a hook: `[Ticket#N]`, `Ticket#N`, `Ticket#: N`; each once."""
    found = _numbers(system_id, hooks).findall(text)
    return tuple(dict.fromkeys(found))[:MOST_NUMBERS] if found else ()


def candidates(
    subject: str, references: tuple[str, ...], system_id: int, hooks: tuple[str, ...], *, late_text: Iterable[str] = ()
) -> Candidates:
    """What to look up for a message: the numbers in its subject, then what it answers, newest first.

    `late_text` is the text of body and attachments, where the settings say that numbers count there too.
    """
    numbers = numbers_in(subject, system_id, hooks)
    late = _numbers_in_all(late_text, system_id, hooks) if late_text else ()
    if not numbers and not references and not late:
        return NO_CANDIDATES
    return Candidates(numbers, references[:MOST_MESSAGE_IDS], late[:MOST_NUMBERS])


def _numbers_in_all(texts: Iterable[str], system_id: int, hooks: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(number for text in texts for number in numbers_in(text, system_id, hooks)))


def choose(wanted: Candidates, known_numbers: Container[str], known_message_ids: Mapping[str, str]) -> FollowUp | None:
    """The first candidate that is known; Message-IDs lead to the number of the record that holds the message."""
    for number in wanted.numbers:
        if number in known_numbers:
            return FollowUp(number, "subject", f"the subject holds the number {number}")
    for message_id in wanted.message_ids:
        if (found := known_message_ids.get(message_id)) is not None:
            return FollowUp(found, "references", f"it answers {message_id}")
    for number in wanted.late_numbers:
        if number in known_numbers:
            return FollowUp(number, "body", f"its text holds the number {number}")
    return None


@lru_cache(maxsize=64)
def _numbers(system_id: int, hooks: tuple[str, ...]) -> re.Pattern[str]:
    # A counter is filled up with zeros to six digits and no further, so that system 1 never reads a number of system
    # 10 as its own. Where digits alone do not decide (101 and 10), only a number that exists counts.
    any_hook = "|".join(map(re.escape, hooks))
    day = r"[0-9]{4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
    counter = rf"(?:[0-9]{{{SHORTEST_COUNTER}}}|[1-9][0-9]{{{SHORTEST_COUNTER},15}})"
    return re.compile(rf"(?:{any_hook}):?[ \t]{{0,3}}({day}{system_id}{counter})(?![0-9])", re.IGNORECASE)
