"""Overview: health, throughput, what waits and what is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.cells import set_cell_size
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content

from core import clock
from core.resources.catalogue import kind_named
from core.services.lists import search
from core.services.looking import pictures
from core.services.looking.pictures import BUCKET, Strip, Throughput
from core.text import safe_text
from tui.console.cells import grouped, span
from tui.console.desk import Desk
from tui.console.glyphs import BAD, GOOD, WARN, chart, folded, sign_of, strip
from tui.console.nouns import many
from tui.console.screens.base import DeskScreen
from tui.console.screens.detail import Reading
from tui.console.standing import Standing
from tui.console.widgets.sheet import Sheet
from tui.console.window import Row
from tui.console.wrapping import hanging

CHART = 3
"""Lines of the bars."""

TROUBLED = "-status:ok -status:paused validity:valid -validity:invalid"
"""The filter of the accounts that a person should look at."""

_ALERTS = 20

ALERTS_SHOWN = 4
"""Alerts told here; the others have their screen."""
_NAME = 20
_COLOURS = {"good": "$text-success", "busy": "$text-primary", "warn": "$text-warning", "bad": "$text-error"}


@dataclass(frozen=True)
class Facts:
    """All that is drawn."""

    standing: Standing
    throughput: Throughput
    accounts: Mapping[str, int]
    mailboxes: Mapping[str, int]
    strips: tuple[Strip, ...]
    outbox: Mapping[str, int]
    alerts: tuple[Row, ...]


class OverviewScreen(DeskScreen):
    """One look."""

    place = "overview"
    topics = frozenset({"run", "account", "outbox", "alert", "worker", "message", "mailbox"})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "fetch", "fetch now", tooltip="Fetch all valid accounts now"),
        Binding("enter", "live", "live fetch", tooltip="What is being fetched now"),
        Binding("a", "accounts", "accounts", tooltip="The accounts; where some are in trouble, those"),
    ]

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, "Overview")
        self._picture = Sheet(self._drawn)
        self._facts: Facts | None = None

    def compose_body(self) -> ComposeResult:
        """One text."""
        with Reading(classes="overview"):
            yield self._picture

    def on_mount(self) -> None:
        """Ask for the facts, and again once a minute: the day moves on."""
        self.query_one(Reading).focus()
        self.set_interval(60, self._move_on)

    def _move_on(self) -> None:
        if self.is_current:  # else the facts are asked for when one comes back
            self.refresh_data()

    def refresh_data(self) -> None:
        """Ask for the facts."""
        self.calls.ask(lambda: facts(self.desk), self._arrived, lane="facts")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Orders only where they may be given."""
        is_allowed = action != "fetch" or self.desk.may("fetch", "account")
        return is_allowed and super().check_action(action, parameters)

    def action_fetch(self) -> None:
        """Fetch all valid accounts now."""
        self.console.orders.fetch_now([])

    def action_live(self) -> None:
        """To live fetch."""
        self.console.go_to("live")

    def action_accounts(self) -> None:
        """To the accounts; where some are in trouble, to those."""
        is_any = self._facts is not None and _in_trouble(self._facts)
        self.console.go_to("accounts", TROUBLED if is_any else None)

    def _arrived(self, found: Facts) -> None:
        self._facts = found
        self._picture.draw()
        self.say(*judged(found))

    def _drawn(self, width: int) -> Content:
        return Content("") if self._facts is None else drawn(self._facts, width)


def facts(desk: Desk) -> Facts:
    """Ask for everything the overview shows."""
    handles, actor = desk.handles, desk.actor
    newest = search.matching(handles, actor, kind_named("alert"), limit=200).rows
    return Facts(
        desk.standing(),
        pictures.throughput(handles, actor, clock.utcnow()),
        pictures.account_health(handles, actor),
        pictures.mailbox_health(handles, actor),
        pictures.strips(handles, actor),
        pictures.outbox_by_state(handles, actor),
        tuple(row for row in newest if row.get("closed_at") is None)[:_ALERTS],
    )


def judged(found: Facts) -> tuple[str, str]:
    """What is most wrong, and what to press."""
    if not found.standing.workers:
        return "No worker is running, on any machine: nothing is fetched or sent. f asks to start one.", BAD
    if bad := _in_trouble(found):
        return (
            f"{many(bad, 'account fails', 'accounts fail')}. a goes to the accounts; the line below them says why.",
            BAD,
        )
    if failing := found.mailboxes.get("failing", 0):
        fail = many(failing, "mailbox cannot send", "mailboxes cannot send")
        waiting = found.standing.outbox
        wait = f", and {many(waiting, 'message waits', 'messages wait')}" if waiting else ""
        return f"{fail}{wait}. 6 goes to the mailboxes; the line below them says why.", BAD
    if found.standing.quarantine:
        quarantined = many(found.standing.quarantine, "message waits", "messages wait")
        return f"{quarantined} in quarantine for a person. 5 goes there.", WARN
    return "All well.", GOOD


def _in_trouble(found: Facts) -> int:
    return found.accounts.get("failing", 0) + found.accounts.get("needs sign-in", 0)


def drawn(found: Facts, width: int) -> Content:
    """The overview as text."""
    flow = found.throughput
    values = list(flow.taken_in)
    bars = chart(values, width, CHART)
    head = f"{many(flow.total, 'message')} in {many(flow.runs, 'run')}, {grouped(flow.failed)} failed"
    lines = [
        *_alerts(found.alerts, width),
        _title("Taken in, 24 hours", head),
        *(Content.styled(line, "$text-primary") for line in bars),
        Content.styled(_scale(len(bars[0]), _peak(values, width)), "$foreground-muted"),
        Content(""),
        _title("Accounts", _whole(found.accounts)),
        _states(found.accounts) or Content.styled("  none yet: 3, then n adds one", "$foreground-muted"),
        *(_strip(one, width) for one in found.strips),
        Content(""),
        _mailboxes(found.mailboxes),
        _title("Outbox", f"{grouped(found.standing.outbox)} still to be sent"),
        _states(found.outbox) or Content.styled("  empty", "$foreground-muted"),
        Content(""),
        _title("Workers", f"{found.standing.workers} alive"),
        _title("Quarantine", f"{many(found.standing.quarantine, 'waits', 'wait')} for a person"),
        *([] if found.alerts else [Content(""), _title("Alerts", "none")]),
    ]
    return Content("\n").join(lines)


def _title(name: str, fact: str) -> Content:
    return Content.assemble((f"{name:<20}", "bold"), fact)


def _peak(values: list[int], width: int) -> str:
    """How much the highest bar stands for."""
    sums = folded(values, width)
    if not any(sums):
        return "12 h"
    minutes = int(BUCKET.total_seconds() // 60) * -(-len(values) // len(sums))
    return f"highest: {grouped(max(sums))} in {minutes} min"


def _strip(one: Strip, width: int) -> Content:
    """An account's name, and how its last runs ended; the newest on the right."""
    sign = sign_of(one.status)
    name = set_cell_size(safe_text(one.account), _NAME)
    ended = strip(one.states[-max(1, width - _NAME - 6) :])
    return Content.assemble(
        (f"  {sign.glyph} {name}  ", _COLOURS.get(sign.tone, "")),
        (ended or "not fetched yet", "" if ended else "$foreground-muted"),
    )


def _scale(width: int, middle: str) -> str:
    left, right = "24 h ago", "now"
    space = max(2, width - len(left) - len(middle) - len(right))
    return f"{left}{' ' * (space // 2)}{middle}{' ' * (space - space // 2)}{right}"


def _states(counts: Mapping[str, int]) -> Content | None:
    parts = []
    for state, count in sorted(counts.items(), key=lambda entry: -entry[1]):
        sign = sign_of(state)
        glyph = sign.glyph.strip()
        parts.append(Content.assemble((f"  {glyph} {grouped(count)} {safe_text(state)}", _COLOURS.get(sign.tone, ""))))
    return Content(" ").join(parts) if parts else None


def _mailboxes(counts: Mapping[str, int]) -> Content:
    states = _states(counts) or Content.styled("  none yet: 6, then n adds one", "$foreground-muted")
    return Content.assemble(_title("Mailboxes", _whole(counts)), "  ", states)


def _whole(counts: Mapping[str, Any]) -> str:
    return grouped(sum(counts.values()))


def _alerts(alerts: Sequence[Row], width: int) -> list[Content]:
    """What needs a person, above all else; none takes no room there."""
    if not alerts:
        return []
    lines = [line for row in alerts[:ALERTS_SHOWN] for line in _alert(row, width)]
    more = len(alerts) - ALERTS_SHOWN
    rest = [Content.styled(f"  … and {more} more on the screen Alerts", "$foreground-muted")] if more > 0 else []
    return [_title("Alerts", str(len(alerts))), *lines, *rest, Content("")]


def _alert(row: Row, width: int) -> list[Content]:
    age = span((clock.utcnow() - row["opened_at"]).total_seconds())
    first, *rest = hanging(f"{safe_text(str(row['text']))} ({age})", width - 4, "")
    return [
        Content.assemble(("  ! ", "$text-error"), first),
        *(Content(f"    {line}") for line in rest),
    ]
