"""The overview: what is seen in one look."""

from __future__ import annotations

from datetime import timedelta

from core import clock
from core.db.bulk import table_of
from core.handles import Handles
from core.models import AccountStatus, Alert, MailboxStatus, Worker
from core.resources.catalogue import kind_named
from core.services.actor import Actor
from core.services.configuration.mailboxes import mailboxes
from tests.console.conftest import Opener
from tests.console.rows import add_account, run, store
from tui.console.glyphs import chart, strip
from tui.console.troubles import trouble


def _fail(handles: Handles, account_id: int) -> None:
    status = table_of(AccountStatus)
    failing = status.update().where(status.c.account_id == account_id).values(status="failing")
    handles.database.writing(lambda session: session.connection().execute(failing))


async def test_how_the_last_runs_ended_is_seen_account_by_account_trouble_first(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    add_account(handles, actor, "desk")
    add_account(handles, actor, "office")
    ended = ["ok", "ok", "failed", "ok"]
    store(handles, [run(number, "desk", state=state, account_id=1) for number, state in enumerate(ended, 1)], "run")
    _fail(handles, account_id=2)
    async with open_console(screen="overview") as console:
        await console.until_seen("not fetched yet")
        strips = [line for line in console.lines if "desk" in line or "office" in line]
        assert "office" in strips[0]
        assert strips[1].split() == ["✓", "desk", "▁▁█▁"]
        assert "highest: 200 in 20 min" in console.text, "four runs of fifty messages within the last bar"


async def test_alerts_stand_above_all_else_and_a_goes_to_the_accounts_in_trouble(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    add_account(handles, actor, "desk")
    add_account(handles, actor, "office")
    now = clock.utcnow() + timedelta(hours=1)  # a second from now it would be a second ago
    alerts = [Alert(id=n, subject=f"s{n}", text=f"It burns {n}.", opened_at=now) for n in range(1, 7)]
    store(handles, alerts, "alert")
    _fail(handles, account_id=2)
    async with open_console(screen="overview") as console:
        await console.until_seen("It burns 6. (now)")
        assert console.lines[1].split()[0] == "Alerts"
        assert "… and 2 more on the screen Alerts" in console.text
        await console.press("a")
        await console.until_seen("1 of 2 accounts")
        assert console.app.screen.table.selected["name"] == "office"


async def test_a_mailbox_that_cannot_send_is_seen_though_all_accounts_are_well(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    add_account(handles, actor, "desk")
    now = clock.utcnow()
    worker = Worker(id="w", role="both", host="mail01", pid=7, started_at=now, heartbeat_at=now + timedelta(minutes=5))
    for name in ("sales", "support"):
        mailboxes.add(handles, actor, name, {"template": "Gmail SMTP Relay"})
    failing = MailboxStatus(mailbox_id=1, failures=1, last_error="The server refused the login.")
    store(handles, [worker, failing], "mailbox")
    async with open_console(screen="overview") as console:
        await console.until_seen("1 mailbox cannot send.")
        (line,) = [line for line in console.lines if line.startswith(" Mailboxes")]
        assert line.split()[1] == "2"
        assert "✓ 1 ok" in line
        assert "✗ 1 failing" in line
        await console.press("6")
        await console.until_seen("The server refused the login.")


def test_bars_of_several_lines_keep_what_is_little_in_sight() -> None:
    # Sixteen steps in two lines of eight: 100 fills both, 50 the lower one, 1 is the least there is.
    assert chart([0, 1, 50, 100], 4, 2) == ["   █", "▁▂██"]
    assert chart([0, 0], 2, 2) == ["  ", "▁▁"]


def test_a_strip_is_told_apart_without_colours() -> None:
    assert strip(["ok", "failed", "stopped", "aborted", "running"]) == "▁█▄█▸"


def test_a_worker_that_is_silent_is_told_from_one_at_work() -> None:
    now = clock.utcnow()
    worker = {"pid": 7, "host": "mail01", "heartbeat_at": now - timedelta(seconds=5)}
    kind = kind_named("worker")
    assert trouble(kind, worker, now).text == "Process 7 on mail01 is at work."
    silent = {**worker, "heartbeat_at": now - timedelta(minutes=4)}
    assert "Process 7 on mail01 is gone: nothing was heard of it for 4 min." in trouble(kind, silent, now).text
