"""Lines of runs as the live screen holds and shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.filtering import Filter, Term
from core.models import EVENT_LEVELS, EventLevel
from core.text import safe_text

Event = Mapping[str, Any]


@dataclass(frozen=True)
class LogLine:
    """One line, safe to show."""

    at: datetime
    account: str
    host: str
    level: EventLevel
    step: str
    text: str
    ms: float | None

    @classmethod
    def of(cls, event: Event) -> LogLine:
        """The line of a run's event, as services give it."""
        return cls(
            event["at"],
            safe_text(str(event.get("account") or "")),
            safe_text(str(event.get("host") or "")),
            next((level for level in EVENT_LEVELS if level == event.get("level")), "info"),
            safe_text(str(event.get("step") or "")),
            safe_text(str(event.get("text") or "")),
            event.get("ms"),
        )

    def is_at_least(self, level: EventLevel) -> bool:
        """Whether it is of that level or above."""
        return EVENT_LEVELS.index(self.level) >= EVENT_LEVELS.index(level)

    def written(self) -> str:
        """As it stands in a file."""
        ms = f"  {self.ms:.0f} ms" if self.ms is not None else ""
        at = self.at.astimezone().isoformat(timespec="milliseconds")
        return f"{at} {self.account} {self.level} {self.step} {self.text}{ms}\n"


def matches(wanted: Filter, texts: Mapping[str, str], elsewhere: frozenset[str] = frozenset()) -> bool:
    """Whether what is held in memory matches a filter, as a row in the database would.

    `elsewhere`: columns that narrow other things than this.
    """
    folded = {name: text.casefold() for name, text in texts.items()}
    return all(_found(term, folded) != term.is_excluded for term in wanted.terms if term.column not in elsewhere)


def line_matches(wanted: Filter, line: LogLine) -> bool:
    """Whether a line matches; what is said of runs alone leaves their lines."""
    texts = {"account": line.account, "host": line.host, "level": line.level, "step": line.step, "text": line.text}
    return not wanted or matches(wanted, texts, frozenset({"state"}))


def run_matches(wanted: Filter, run: Event) -> bool:
    """Whether a run matches; what is said of lines alone leaves the runs."""
    texts = {name: str(run[name]) for name in ("account", "host", "state")}
    return not wanted or matches(wanted, texts, frozenset({"level", "step", "text"}))


def newest_seen(seen: dict[int, int], events: Iterable[Event]) -> None:
    """Note the last number shown of each run."""
    for event in events:
        seen[event["run_id"]] = max(seen.get(event["run_id"], 0), event["seq"])


def _found(term: Term, texts: Mapping[str, str]) -> bool:
    word = term.word.casefold()
    if term.column in texts:
        return word in texts[term.column]
    whole = f"{term.column}:{word}" if term.column else word
    return any(whole in text for text in texts.values())
