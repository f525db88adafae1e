"""Runs as the live screen's table shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from core.resources.kind import ColumnType
from tui.console.cells import Plain
from tui.console.glyphs import bar

LINGERS = timedelta(seconds=20)
"""How long a run that is over stays in sight."""

ROWS = 6
"""Runs in sight at once; the others by scrolling."""

COLUMNS = (
    Plain("account", "Account", 14),
    Plain("host", "Host", 12),
    Plain("state", "Step", 10, ColumnType.STATE),
    Plain("progress", "Progress", 16, ColumnType.NUMBER),  # cut, it would lose its share
    Plain("fetched", "Msgs", 6, ColumnType.NUMBER),
    Plain("rate", "Rate", 8),
    Plain("elapsed", "Elapsed", 7),
)

_BAR = 10


def shown_runs(
    running: Iterable[Mapping[str, Any]], recent: Iterable[Mapping[str, Any]], now: datetime
) -> list[Mapping[str, Any]]:
    """The runs at work, and each account's last one if it ended just now.

    By account, so that a row stays where it is from run to run; where there are many, those at work first.
    """
    ended = [run for run in recent if run["ended_at"] is not None and run["ended_at"] > now - LINGERS]
    newest = {run["account_id"]: run for run in sorted(ended, key=lambda run: run["id"])}
    newest |= {run["account_id"]: run for run in running}
    are_many = len(newest) > ROWS
    return sorted(
        newest.values(),
        key=lambda run: (are_many and run["state"] != "running", str(run["account"]).casefold(), run["id"]),
    )


def run_row(run: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """A run as a row of the table."""
    is_running = run["state"] == "running"
    lost = is_lost(run, now)
    taken, expected = run["fetched"] + run["too_large"], run["expected"]
    seconds = max(0.001, ((run["ended_at"] or now) - run["started_at"]).total_seconds())
    whole = expected or 1
    done = taken if expected else int(run["state"] == "ok")  # there was nothing to fetch, and none of it was missed
    share = min(100, done * 100 // whole)
    progress = f"{bar(done, whole, _BAR)} {share:>3} %"
    rate = f"{run['fetched'] / seconds:,.0f}/s".replace(",", " ") if run["fetched"] else "–"
    return {
        "id": run["id"],
        "account_id": run["account_id"],
        "account": run["account"],
        "host": run["host"],
        "state": "lost" if lost else run["step"] or "connect" if is_running else run["state"],
        "progress": progress,
        "fetched": run["fetched"],
        "rate": f"{rate:>8}",
        "elapsed": _elapsed(seconds),
        "error": run["error"],
        "is_running": is_running,
        "is_lost": lost,
        "worker": run.get("worker") or "",
    }


def is_lost(run: Mapping[str, Any], now: datetime) -> bool:
    """Whether a run has lost its worker: its lease is over, and nobody has taken it up again."""
    lease_until = run.get("lease_until")
    return run["state"] == "running" and lease_until is not None and lease_until < now


def _elapsed(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes):02d}:{rest:04.1f}" if minutes < 60 else f"{int(minutes // 60)} h {int(minutes % 60):02d}"
