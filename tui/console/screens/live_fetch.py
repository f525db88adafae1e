"""Live fetch: the runs at work above, their lines below, from any worker on any machine."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from core import clock
from core.filtering import read_filter
from core.models import EVENT_LEVELS, EventLevel
from core.services.looking import runs
from tui.console import deeds
from tui.console.cells import grouped
from tui.console.desk import Desk
from tui.console.foreign import foreign
from tui.console.glyphs import BAD, DULL, WARN
from tui.console.log_lines import LogLine, line_matches, newest_seen, run_matches
from tui.console.nouns import many
from tui.console.run_rows import COLUMNS, ROWS, run_row, shown_runs
from tui.console.screens.filtered import FilteredScreen
from tui.console.sentences import sentence
from tui.console.widgets.filter_box import FilterBox
from tui.console.widgets.log_view import HELD, LogView
from tui.console.widgets.row_table import RowTable
from tui.console.window import MOST, Row, Window
from tui.private_file import write_private

_SEEN_RUNS = 500


class LiveFetchScreen(FilteredScreen):
    """What is being fetched now; a run is in the database, not in this window."""

    place = "live"
    topics = frozenset({"run", "account"})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "fetch", "fetch now", tooltip="Fetch all valid accounts now", id="live.fetch"),
        Binding("p", "pause", "pause", tooltip="Fetch the selected account no longer, or again", id="live.pause"),
        Binding("s", "stop", "stop", tooltip="End the selected fetch after its batch", id="live.stop"),
        Binding("enter", "details", "details", tooltip="The selected run with all its lines"),
        Binding("F", "follow", "follow", tooltip="Keep the newest line in sight, or stay"),
        Binding("l", "level", "level", tooltip="Show from debug, info, warning or error on"),
        Binding("w", "write", "write", tooltip="Write the lines to a file", show=False),
        Binding("y", "copy", "copy", tooltip="Copy the last warning or error, else the last line", show=False),
        Binding("slash", "filter", "filter", tooltip="Narrow runs and lines"),
        Binding("escape", "back", "back", tooltip="Clear the filter", show=False),
        Binding("pageup", "page(-1)", "Log up", tooltip="The log a page up", show=False, priority=True),
        Binding("pagedown", "page(1)", "Log down", tooltip="The log a page down", show=False, priority=True),
    ]

    def __init__(self, desk: Desk, filter_text: str = "") -> None:
        super().__init__(desk, "Live fetch", filter_text)
        self.rows_of = filter_text
        self.table = RowTable(COLUMNS, lambda row: row["account_id"])
        self.log_view = LogView()
        self._state = Static("", markup=False, classes="log-state")
        self._filter = read_filter(filter_text)
        self._level: EventLevel = "info"
        self._lines: deque[LogLine] = deque(maxlen=HELD)
        self._runs: list[Mapping[str, Any]] = []
        self._seen: dict[int, int] = {}

    def compose_body(self) -> ComposeResult:
        """Filter, runs, lines, and how the log stands."""
        yield self.filter_box
        with Vertical():
            yield self.table
            yield self.log_view
            yield self._state

    def on_mount(self) -> None:
        """Ask for what there is, and keep the seconds going."""
        self.table.focus()
        self.set_interval(1.0, self._tick)
        self._show_state()

    # -- asking -----------------------------------------------------------------------------------------------------

    def refresh_data(self) -> None:
        """Ask for the runs, and for the lines beyond those shown."""
        handles, actor, seen = self.desk.handles, self.desk.actor, dict(self._seen)

        def work() -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
            shown = shown_runs(runs.running(handles, actor), runs.recent(handles, actor, at_most=50), clock.utcnow())
            return shown, list(runs.tail(handles, actor, seen))

        self.calls.ask(work, self._arrived, lane="live")

    def _arrived(self, answer: tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]) -> None:
        self._runs, events = answer
        self._show_runs()
        if not events:
            return
        newest_seen(self._seen, events)
        self._seen = dict(sorted(self._seen.items())[-_SEEN_RUNS:])
        lines = [LogLine.of(event) for event in events]
        self._lines.extend(lines)
        self.log_view.append(self._wanted(lines))

    def _tick(self) -> None:
        if self._runs and self.is_current:
            now = clock.utcnow()
            self._runs = shown_runs([run for run in self._runs if run["ended_at"] is None], self._runs, now)
            self._show_runs()

    # -- showing ----------------------------------------------------------------------------------------------------

    def _show_runs(self) -> None:
        now = clock.utcnow()
        rows: list[Row] = [run_row(run, now) for run in self._runs]
        rows = [row for row in rows if run_matches(self._filter, row)][-MOST:]
        self.table.styles.height = min(ROWS, max(1, len(rows))) + 1
        self.table.show(Window(tuple(rows)))
        running = sum(1 for row in rows if row["is_running"] and not row["is_lost"])
        self.filter_box.tell(f"{grouped(running)} running")

    def _wanted(self, lines: list[LogLine]) -> list[LogLine]:
        return [line for line in lines if line.is_at_least(self._level) and line_matches(self._filter, line)]

    def _show_lines(self) -> None:
        self.log_view.replace(self._wanted(list(self._lines)))

    def on_log_view_moved(self, _: LogView.Moved) -> None:
        """Say how the log stands."""
        self._show_state()

    def on_row_table_selected(self, message: RowTable.Selected) -> None:
        """Tell about the run."""
        self.say(*self._told(message.row))

    def _told(self, row: Row | None) -> tuple[str, str]:
        if row is None:
            if self._filter and self._runs:
                return "No run here matches the filter; esc clears it.", DULL
            return "Nothing is being fetched now. f fetches all valid accounts; on Accounts, f fetches one.", DULL
        if row["error"]:
            return f"{row['account']}: {sentence(row['error'])}enter shows all its lines.", BAD
        if row["is_lost"]:
            gone = f"{row['account']}: its worker {row['worker']} is gone."
            return f"{gone} The next one goes on where it stood; f asks for one if there is none.", BAD
        if row["is_running"] and not self._has_workers:
            return (
                f"{row['account']}: no worker is alive. The next one goes on where it stood; f asks to start one.",
                WARN,
            )
        told = "s stops it after its batch, enter shows its lines." if row["is_running"] else "enter shows its lines."
        return f"{row['account']} at {row['host']}: {row['state']}, {row['fetched']} taken in. {told}", DULL

    @property
    def _has_workers(self) -> bool:
        """Whether any is alive, as far as is known: that is known sooner than that a run's lease is over."""
        standing = self.console.standing
        return not standing.is_known or bool(standing.workers)

    def _show_state(self) -> None:
        log = self.log_view
        waiting = f", {many(log.pending, 'new line waits', 'new lines wait')} below" if log.pending else ""
        how = "● following, F stays" if log.is_following else f"F follows{waiting}"
        self._state.update(foreign(f" {how}   level {self._level}, l changes it   {many(log.held, 'line')}"))

    # -- keys -------------------------------------------------------------------------------------------------------

    def on_filter_box_changed(self, message: FilterBox.Changed) -> None:
        """Narrow runs and lines: both are held here."""
        self._filter, self.rows_of = read_filter(message.text), message.text
        self._show_runs()
        self._show_lines()

    def action_back(self) -> None:
        """Clear the filter."""
        self.filter_box.text = ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Orders only where they may be given."""
        is_allowed = action not in {"fetch", "pause", "stop"} or self.desk.may(action, "account")
        return is_allowed and super().check_action(action, parameters)

    def action_fetch(self) -> None:
        """Fetch all valid accounts now."""
        self.console.orders.fetch_now([])

    def action_stop(self) -> None:
        """End the selected fetch after its batch."""
        row = self.table.selected
        if row is None or not row["is_running"] or row["is_lost"]:
            self.tell("No running fetch is selected.", WARN)
            return
        self.calls.ask(lambda: deeds.stopped(self.desk, row["account"]), self.tell)

    def action_pause(self) -> None:
        """Fetch the selected account no longer, or again."""
        if (row := self.table.selected) is not None:
            self.calls.ask(lambda: deeds.switched_pause(self.desk, row["account"]), self.tell)

    def action_details(self) -> None:
        """The selected run."""
        from core.resources.catalogue import kind_named
        from tui.console.screens.detail import DetailScreen

        row = self.table.selected
        run = next((one for one in self._runs if row is not None and one["id"] == row["id"]), None)
        if run is not None:
            self.app.push_screen(DetailScreen(self.desk, kind_named("run"), run))

    def action_follow(self) -> None:
        """Follow the log, or stay."""
        self.log_view.follow(not self.log_view.is_following)

    def action_level(self) -> None:
        """From the next level on."""
        self._level = EVENT_LEVELS[(EVENT_LEVELS.index(self._level) + 1) % len(EVENT_LEVELS)]
        self._show_lines()

    def action_page(self, pages: int) -> None:
        """Scroll the log."""
        self.log_view.page(pages)

    def action_copy(self) -> None:
        """Copy the last line that matters."""
        lines = self._wanted(list(self._lines))
        grave = [line for line in lines if line.is_at_least("warning")]
        if lines:
            self.console.orders.copy((grave or lines)[-1].written().strip())

    def action_write(self) -> None:
        """Write the lines to a file."""
        lines = self._wanted(list(self._lines))

        def work() -> str:
            path = Path.cwd() / f"fetch-{clock.utcnow():%Y%m%d-%H%M%S}.log"
            write_private(path, "".join(line.written() for line in lines).encode())
            return f"Wrote {path}."

        self.calls.ask(work, self.tell)
