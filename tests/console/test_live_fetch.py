"""Live fetch: runs and lines of any worker, read from the database."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from datetime import timedelta
from pathlib import Path

import pytest

from core import clock
from core.handles import Handles
from core.models import AccountStatus, Worker
from core.services.actor import Actor
from tests.console.conftest import Opener
from tests.console.rows import add_account, event, run, store
from tests.waiting import PATIENCE
from tui.console.widgets.log_view import HELD


async def test_nothing_running_says_what_to_press(open_console: Opener) -> None:
    async with open_console(screen="live") as console:
        assert "Nothing is being fetched now. f fetches" in console.text


async def test_running_runs_and_their_lines_are_shown(open_console: Opener, handles: Handles) -> None:
    async with open_console(screen="live") as console:
        store(
            handles, [run(1, "support", seq=2), event(1, 1, "uid 1 → Ticket 1"), event(1, 2, "uid 2 → Ticket 2")], "run"
        )
        await console.until_seen("uid 2 → Ticket 2")
        assert "support" in console.lines[3]
        assert "25 %" in console.lines[3]
        store(handles, [run(1, "support", seq=3, fetched=100), event(1, 3, "uid 3 → Ticket 3")], "run")
        await console.until_seen("50 %")
        assert console.text.count("uid 2 → Ticket 2") == 1


async def test_the_lines_of_another_process_are_seen(open_console: Opener, handles: Handles, tmp_path: Path) -> None:
    writer = textwrap.dedent("""
        import sys
        from core.environment import read_environment
        from core.gateway import open_gateway
        from tests.console.rows import event, run, store
        handles = open_gateway(read_environment({}, home=sys.argv[1]))
        store(handles, [run(7, "elsewhere", seq=1), event(7, 1, "from another process")], "run")
        handles.close()
    """)
    async with open_console(screen="live") as console:
        home = str(handles.environment.home)
        process = subprocess.Popen([sys.executable, "-c", writer, home])
        await console.until_seen("from another process")
        assert process.wait(PATIENCE) == 0
        assert "elsewhere" in console.lines[3]


async def test_a_log_that_is_not_followed_stays_and_counts(open_console: Opener, handles: Handles) -> None:
    lines = [event(1, seq, f"line {seq:04d}") for seq in range(1, 101)]
    store(handles, [run(1, "support", seq=100), *lines], "run")
    async with open_console(screen="live") as console:
        await console.until_seen("line 0100")
        await console.press("F", "pageup")
        assert "line 0100" not in console.text
        before = console.lines[8]
        store(handles, [run(1, "support", seq=102), event(1, 101, "line 0101"), event(1, 102, "line 0102")], "run")
        await console.until_seen("2 new lines wait")
        assert console.lines[8] == before
        await console.press("F")
        assert "line 0102" in console.text
        assert "following" in console.text


async def test_level_and_filter_narrow_the_lines(open_console: Opener, handles: Handles) -> None:
    rows = [
        run(1, "support", seq=3),
        run(2, "sales", seq=1),
        event(1, 1, "said in passing", level="debug"),
        event(1, 2, "went well"),
        event(1, 3, "went badly", level="warning"),
        event(2, 1, "sold"),
    ]
    store(handles, rows, "run")
    async with open_console(screen="live") as console:
        assert "went well" in console.text
        assert "said in passing" not in console.text
        await console.press("l")
        assert "went well" not in console.text
        assert "WARNING went badly" in console.text
        await console.press("l", "l")
        assert "said in passing" in console.text
        await console.press("slash")
        await console.type("account:sales")
        await console.until(lambda: "went well" not in console.text, "the filter")
        assert "sold" in console.text
        await console.press("escape")
        await console.until_seen("went well")


async def test_only_so_many_lines_are_held(open_console: Opener, handles: Handles) -> None:
    count = HELD + 500
    store(
        handles, [run(1, "support", seq=count), *(event(1, seq, f"line {seq}") for seq in range(1, count + 1))], "run"
    )
    async with open_console(screen="live") as console:
        await console.until_seen(f"line {count}")
        assert console.app.screen.log_view.held == HELD


async def test_a_followed_log_keeps_its_newest_line_in_sight_as_runs_begin(
    open_console: Opener, handles: Handles
) -> None:
    store(handles, [run(1, "a", seq=50), *(event(1, seq, f"line {seq:04d}") for seq in range(1, 51))], "run")
    async with open_console(screen="live") as console:
        await console.until_seen("line 0050")
        store(handles, [run(number, f"account {number}") for number in range(2, 6)], "run")
        await console.until_seen("account 5")
        assert "line 0050" in console.text


async def test_a_run_whose_worker_is_gone_is_told_from_one_at_work(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    add_account(handles, actor, "support")
    over = clock.utcnow() - timedelta(seconds=1)
    status = {"account_id": 1, "due_at": over, "fence": 1, "lease_owner": "w1", "lease_until": over}
    store(handles, [AccountStatus(**status), run(1, "support", worker="mail01:worker-1", fence=1)], "run")
    async with open_console(screen="live") as console:
        await console.until_seen("support: its worker mail01:worker-1 is gone.")
        assert "lost" in console.lines[3]
        assert "0 running" in console.lines[1]
        await console.until(lambda: "fetch ● 0" in console.lines[0], "the header to count runs at work alone")
        await console.press("s")
        await console.until_seen("! No running fetch is selected.")


async def test_a_failed_run_says_why(open_console: Opener, handles: Handles) -> None:
    store(handles, [run(1, "support", state="failed", error="login refused: wrong password")], "run")
    async with open_console(screen="live") as console:
        assert "login refused: wrong password" in console.text


async def test_fetch_now_is_a_request_that_a_worker_can_take(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    from core import clock
    from core.workers.orders import take_orders

    add_account(handles, actor, "support")
    add_account(handles, actor, "asleep", validity="invalid")
    now = clock.utcnow()
    store(handles, [Worker(id="w", host="here", pid=1, role="both", started_at=now, heartbeat_at=now)], "worker")
    async with open_console(screen="live") as console:
        await console.pilot.press("f")
        await console.until_seen("Fetching all valid accounts now")
        assert [order.subject for order in take_orders(handles, ("fetch",))] == ["account:support"]


async def test_stop_asks_the_run_to_end(open_console: Opener, handles: Handles, actor: Actor) -> None:
    add_account(handles, actor, "support")
    store(handles, [run(1, "support")], "run")
    async with open_console(screen="live") as console:
        await console.press("s")
        await console.until_seen("stop after the current batch")


@pytest.mark.parametrize("key", ["j", "k", "g", "G", "pageup", "pagedown", "l", "F"])
async def test_keys_do_no_harm_on_an_empty_screen(open_console: Opener, key: str) -> None:
    async with open_console(screen="live") as console:
        await console.press(key)
        assert "Live fetch" in console.lines[0]


@pytest.mark.parametrize(
    ("filter_text", "runs", "lines"),
    [
        ("host:gmail", {"support"}, {"logged in to one"}),
        ("gmail", {"support"}, {"logged in to one"}),
        ("-host:gmail", {"sales"}, {"logged in to two"}),
        ("state:fetch", {"support", "sales"}, {"logged in to one", "logged in to two"}),
        ("text:two", {"support", "sales"}, {"logged in to two"}),
        ("level:error", {"support", "sales"}, set()),
    ],
)
async def test_runs_and_lines_are_narrowed_by_what_each_of_them_has(
    open_console: Opener, handles: Handles, filter_text: str, runs: set[str], lines: set[str]
) -> None:
    at_work = [run(1, "support", seq=1, host="imap.gmail.com"), run(2, "sales", seq=1, host="imap.example.org")]
    store(handles, [*at_work, event(1, 1, "logged in to one"), event(2, 1, "logged in to two")], "run")
    async with open_console(screen="live", filter_text=filter_text) as console:
        await console.until_seen(f"{len(runs)} running")
        assert {row["account"] for row in console.app.screen.table.window.rows} == runs
        assert {line for line in ("logged in to one", "logged in to two") if line in console.text} == lines


async def test_pause_and_resume_are_one_key_here_too(open_console: Opener, handles: Handles, actor: Actor) -> None:
    add_account(handles, actor, "support")
    store(handles, [run(1, "support")], "run")
    async with open_console(screen="live") as console:
        await console.press("p")
        await console.until_seen("✓ Paused support; p resumes it.")
        await console.press("p")
        await console.until_seen("✓ Resumed support.")


async def test_a_run_that_nobody_is_there_to_go_on_with_says_so_before_its_lease_is_over(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    add_account(handles, actor, "support")
    soon = clock.utcnow() + timedelta(minutes=1)
    status = {"account_id": 1, "due_at": soon, "fence": 1, "lease_owner": "w1", "lease_until": soon}
    store(handles, [AccountStatus(**status), run(1, "support", worker="mail01:worker-1", fence=1)], "run")
    async with open_console(screen="live") as console:
        await console.until_seen("support: no worker is alive. The next one goes on where it stood")
