"""What the main screens look like, at 80×24 and 120×32; few, and looked at. New ones: pytest --snapshot-update."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from core import clock
from core.handles import Handles
from core.models import AccountStatus, Alert, Worker
from core.services.actor import Actor
from tests.console.conftest import NARROW, WIDE, Console
from tests.console.rows import add_account, event, message, record, run, store
from tui.console.app import PostroomApp
from tui.console.preferences import Preferences

NOW = datetime(2026, 11, 20, 21, 4, 11, tzinfo=UTC)
SIZES = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "120x32"])

Compare = Callable[..., bool]
Before = Callable[[Pilot[Any]], Awaitable[None]]


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Time stands still, in UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(clock, "utcnow", lambda: NOW)
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def world(handles: Handles, actor: Actor) -> Handles:
    """A small Postroom in which something happens."""
    add_account(handles, actor, "support", comment="Mail of the service desk")
    add_account(handles, actor, "sales", type="POP3S", host="pop.example.org", dispatching="queue", queue="Junk")
    add_account(handles, actor, "hr", host="outlook.office365.com")
    ago = NOW - timedelta(minutes=23)
    lines = ("imap.example.org:993 TLSv1.3, 61 days left", "as support@example.org", "INBOX: 200 messages, 200 new")
    steps = ("connect", "login", "select")
    store(
        handles,
        [
            AccountStatus(account_id=1, due_at=NOW + timedelta(minutes=8), last_run_id=1),
            AccountStatus(account_id=2, due_at=NOW + timedelta(minutes=2), paused=True, status="paused"),
            AccountStatus(
                account_id=3, due_at=NOW + timedelta(hours=1), status="failing", failures=3,
                last_error="login failed: AADSTS7000215: the client secret is wrong",
            ),
            Worker(id="w1", host="mail01", pid=1, role="both", started_at=ago, heartbeat_at=NOW),
            Alert(id=1, subject="account hr", text="hr cannot be fetched since 20:41", opened_at=ago),
            run(1, "support", seq=5),
            run(2, "sales", state="failed", seq=1, host="pop.example.org", fetched=0, error="connection refused"),
            run(3, "support", state="ok", started_at=NOW - timedelta(hours=6), fetched=1200, ended_at=NOW - timedelta(hours=5)),
            run(4, "hr", state="ok", started_at=NOW - timedelta(hours=14), fetched=700, ended_at=NOW - timedelta(hours=13)),
            *(event(1, seq, text, step=step, ms=seq * 6.0) for seq, (step, text) in enumerate(zip(steps, lines, strict=True), 1)),
            event(1, 4, "uid 4711 → Ticket 2026112010000042, queue Support"),
            event(1, 5, "uid 4713 quarantined: record type Grievance raised ValueError", level="warning"),
            event(2, 1, "connection refused by pop.example.org:995", level="error", step="connect"),
            record(1, "Printer on fire [/] [red]", at=NOW),
            record(2, "Order 1182: one chair too many", "oskar@wood.example.org", at=NOW),
            *message(1, "Printer on fire [/] [red]", "It burns.\n\nPlease come at once."),
        ],
        "run",
        "account",
    )  # fmt: skip
    return handles


@pytest.fixture
def look(world: Handles, actor: Actor, snap_compare: Compare) -> Callable[..., bool]:
    def compared(size: tuple[int, int], *keys: str, **options: Any) -> bool:
        async def before(pilot: Pilot[Any]) -> None:
            console = Console(pilot)
            await console.settled()
            for key in keys:
                await console.press(key)
            for one in pilot.app.screen.query(Input):
                one.cursor_blink = False
            console.app._watching.stop()
            await console.settled()

        app = PostroomApp(world, actor, preferences=Preferences(), **options)
        return snap_compare(app, terminal_size=size, run_before=before)

    return compared


@SIZES
def test_accounts_look(look: Callable[..., bool], size: tuple[int, int]) -> None:
    assert look(size)


@SIZES
def test_a_form_looks(look: Callable[..., bool], size: tuple[int, int]) -> None:
    assert look(size, "e")


@SIZES
def test_live_fetch_looks(look: Callable[..., bool], size: tuple[int, int]) -> None:
    assert look(size, screen="live")


@SIZES
def test_records_look(look: Callable[..., bool], size: tuple[int, int]) -> None:
    assert look(size, screen="records")


@SIZES
def test_overview_looks(look: Callable[..., bool], size: tuple[int, int]) -> None:
    assert look(size, screen="overview")


def test_an_open_record_looks(look: Callable[..., bool]) -> None:
    assert look(NARROW, "G", "enter", screen="records")


def test_ascii_alone_is_enough(look: Callable[..., bool]) -> None:
    assert look(NARROW, screen="live", ascii_only=True)
