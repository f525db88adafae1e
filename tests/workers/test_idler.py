"""Waiting for new mail: it is a record within moments, whatever becomes of the connection."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from core import clock
from core.db import bulk
from core.handles import Handles
from core.inbound.connecting import patience_with
from core.inbound.fetch import fetch_account
from core.models import Account, Setting, Worker
from core.protocols.imap_idle import RENEW_AFTER
from core.workers import idle_book
from core.workers.health import Heartbeat
from core.workers.idle_spots import FOLDERS_EACH, LONGEST_PAUSE, Entry, Mine, Spot, pause_after, spots_of, to_open
from core.workers.idler import Idler
from core.workers.loop import run_workers
from tests.accounts import (
    ON_SQLITE,
    add_account,
    at,
    change_account,
    change_status,
    claim_account,
    fetched_well,
    message,
    records,
    status_of,
)
from tests.fakes.faults import Direction, Fault, Rule
from tests.fakes.proxy import Line, Proxy
from tests.servers.certificates import Certificates
from tests.servers.dovecot import DovecotServer, capabilities_without
from tests.waiting import PATIENCE, until
from tui.demo.dovecot_config import DovecotOptions

IN_AN_HOUR = timedelta(hours=1)


@contextmanager
def working(handles: Handles) -> Iterator[None]:
    """A worker that fetches, and with it idles."""
    stop = threading.Event()
    worker = threading.Thread(target=run_workers, args=(handles,), kwargs={"only": "fetch", "stop": stop})
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join(PATIENCE)
        assert not worker.is_alive()


@contextmanager
def idling(handles: Handles, wake: threading.Event | None = None) -> Iterator[Idler]:
    """A worker's idler alone, which looks often."""
    heartbeat = Heartbeat(handles, "fetch")
    heartbeat.start()
    idler = Idler(handles, wake or threading.Event(), look=0.05)
    idler.start()
    try:
        yield idler
    finally:
        idler.close()
        heartbeat.close()


@contextmanager
def living(handles: Handles, worker_id: str) -> Iterator[None]:
    """Another worker that is alive."""
    now = clock.utcnow()
    row = {"id": worker_id, "host": "elsewhere", "pid": 1, "started_at": now, "heartbeat_at": now + IN_AN_HOUR}
    handles.database.writing(lambda session: bulk.upsert(session, Worker, [row]))
    yield


def set_setting(handles: Handles, name: str, value: object) -> None:
    handles.database.writing(lambda session: bulk.upsert(session, Setting, [{"name": name, "value": value}]))


def verbs(proxy: Proxy) -> list[str]:
    """What was asked of the server: the first words behind the tags."""
    return [(line.text.split() if line.text == "DONE" else line.text.split()[1:])[0] for line in proxy.lines]


def listens(handles: Handles, account_id: int) -> Callable[[], bool]:
    return lambda: status_of(handles, account_id).idle_owner == handles.worker_id


def is_due(handles: Handles, account_id: int) -> bool:
    return bool(status_of(handles, account_id).due_at <= clock.utcnow())


def fetched(handles: Handles, server: DovecotServer, kind: str = "IMAP", **values: object) -> tuple[int, str]:
    """An account that was fetched once, and is due again in ten minutes."""
    user = server.fresh_user()
    server.deliver(user, [message(f"{user}-first")])
    account = add_account(handles, name=user, **{**at(server, user, kind), **values})
    fetched_well(handles, user)
    return account, user


@pytest.mark.parametrize("kind", ["IMAP", "IMAPS", "IMAPTLS"])
def test_a_new_message_is_a_record_long_before_the_next_poll(
    handles: Handles, dovecot: DovecotServer, kind: str
) -> None:
    account, user = fetched(handles, dovecot, kind)
    with working(handles):
        until(listens(handles, account))
        for count in (2, 3, 4):
            dovecot.deliver(user, [message(f"{user}-{count}")])
            until(lambda expected=count: len(records(handles)) == expected)
    assert status_of(handles, account).idle_owner == ""
    assert len(records(handles)) == 4


def test_mail_that_comes_while_a_run_is_under_way_is_fetched_right_after_it(
    handles: Handles, dovecot: DovecotServer
) -> None:
    account, user = fetched(handles, dovecot)
    claimed = claim_account(handles, account)
    assert claimed is not None

    def deliver_late(line: Line) -> None:
        if "EXAMINE" in line.text:
            idle_book.make_due(handles, [account])

    with Proxy(dovecot.ports.imap, watch=deliver_late) as proxy:
        claimed.account.port = proxy.port
        dovecot.deliver(user, [message("new")])
        fetch_account(handles, claimed)
    assert is_due(handles, account)


@ON_SQLITE
def test_it_listens_with_one_connection_that_changes_nothing(handles: Handles, dovecot: DovecotServer) -> None:
    account, user = fetched(handles, dovecot)
    with Proxy(dovecot.ports.imap) as proxy:
        change_account(handles, account, port=proxy.port)
        with idling(handles) as idler:
            until(lambda: "IDLE" in verbs(proxy) and len(idler) == 1)
            dovecot.deliver(user, [message("new")])
            until(lambda: is_due(handles, account))
        assert proxy.connections == 1
    assert [verb for verb in verbs(proxy) if verb not in {"CAPABILITY", "AUTHENTICATE"}] == [
        "EXAMINE",
        "IDLE",
        "DONE",
        "LOGOUT",
    ]
    assert all(r"\Seen" not in mail.flags for mail in dovecot.mails(user))


def test_mail_that_came_before_it_listened_is_not_missed(handles: Handles, dovecot: DovecotServer) -> None:
    account, user = fetched(handles, dovecot)
    dovecot.deliver(user, [message("between")])
    wake = threading.Event()
    with idling(handles, wake):
        until(lambda: is_due(handles, account))
        assert wake.wait(PATIENCE)


@ON_SQLITE
def test_a_quiet_folder_is_not_made_due(handles: Handles, dovecot: DovecotServer) -> None:
    account, _ = fetched(handles, dovecot)
    _, other_user = fetched(handles, dovecot)
    wake = threading.Event()
    with idling(handles, wake) as idler:
        until(lambda: len(idler) == 2)
        dovecot.deliver(other_user, [message("for the other")])
        assert wake.wait(PATIENCE)
    assert not is_due(handles, account)


@ON_SQLITE
def test_new_mail_in_any_of_several_folders_is_heard(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    dovecot.create_folder(user, "Sales")
    account = add_account(handles, name=user, **at(dovecot, user), folders=["INBOX", "Sales"])
    fetched_well(handles, user)
    with idling(handles) as idler:
        until(lambda: len(idler) == 2)
        for folder in ("Sales", "INBOX"):
            assert not is_due(handles, account)
            dovecot.deliver(user, [message(f"{user}-{folder}")], folder)
            until(lambda: is_due(handles, account))
            fetched_well(handles, user)
    assert len(records(handles)) == 2


@ON_SQLITE
def test_a_server_that_allows_one_connection_is_listened_to_at_the_first_folder(
    handles: Handles, certificates: Certificates
) -> None:
    options = DovecotOptions(max_connections_per_user=1)
    with DovecotServer(certificates.good, users={}, options=options) as server:
        user = server.fresh_user()
        server.create_folder(user, "Sales")
        account = add_account(handles, name=user, **at(server, user), folders=["INBOX", "Sales"])
        fetched_well(handles, user)
        with Proxy(server.ports.imap) as proxy:
            change_account(handles, account, port=proxy.port, version=2)
            with idling(handles) as idler:
                until(lambda: len(idler) == 1 and proxy.connections == 2)
                server.deliver(user, [message("new")])
                until(lambda: is_due(handles, account))
                assert len(idler) == 1
    assert status_of(handles, account).idle_after is None


def test_every_account_is_listened_to_before_any_has_a_second_folder() -> None:
    many = Mine(1, 1, "a", is_well=True, folders=("INBOX", "One", "Two", "Three", "Four"))
    few = Mine(2, 1, "a", is_well=True, folders=("INBOX", "One"))
    assert list(spots_of([many, few], 3)) == [Spot(1, "INBOX"), Spot(2, "INBOX"), Spot(1, "One")]
    assert len(spots_of([many], 1000)) == FOLDERS_EACH
    assert spots_of([many], 0) == {}


def test_a_second_folder_is_opened_once_the_first_one_stands() -> None:
    entries = {Spot(1, "INBOX"): Entry(1, "a"), Spot(1, "One"): Entry(1, "a", is_first=False)}
    assert to_open(entries, 0.0) == [Spot(1, "INBOX")]
    entries[Spot(1, "INBOX")].is_open = True
    assert to_open(entries, 0.0) == [Spot(1, "One")]


WITHOUT = {
    "another worker idles on it": {"idle_owner": "another"},
    "it is paused": {"paused": True},
    "its provider refused": {"idle_after": clock.utcnow() + IN_AN_HOUR},
    "its last run failed": {"failures": 1},
    "it was never fetched well": {"last_ok_at": None},
}


@pytest.mark.parametrize("why", WITHOUT)
def test_on_some_accounts_nobody_idles(handles: Handles, dovecot: DovecotServer, why: str) -> None:
    account, _ = fetched(handles, dovecot)
    change_status(handles, account, **WITHOUT[why])
    other, _ = fetched(handles, dovecot)
    with living(handles, "another"), idling(handles) as idler:
        until(lambda: len(idler) == 1 and listens(handles, other)())
        assert not listens(handles, account)()


CONFIGURED = {
    "it is switched off": {"idle": False},
    "it is invalid": {"validity": "invalid"},
    "it is deleted": {"deleted_at": clock.utcnow()},
    "it is no IMAP": {"type": "POP3"},
}


@pytest.mark.parametrize("why", [*CONFIGURED, "it is paused"])
def test_an_account_that_no_longer_wants_it_is_let_go(handles: Handles, dovecot: DovecotServer, why: str) -> None:
    account, _ = fetched(handles, dovecot)
    with idling(handles) as idler:
        until(lambda: len(idler) == 1)
        if why in CONFIGURED:
            change_account(handles, account, **CONFIGURED[why])
        else:
            change_status(handles, account, paused=True)
        until(lambda: len(idler) == 0)


@ON_SQLITE
def test_a_changed_account_is_listened_to_anew(handles: Handles, dovecot: DovecotServer) -> None:
    account, user = fetched(handles, dovecot)
    with idling(handles) as idler, Proxy(dovecot.ports.imap) as proxy:
        until(lambda: len(idler) == 1)
        change_account(handles, account, port=proxy.port, version=2)
        until(lambda: "IDLE" in verbs(proxy))
        dovecot.deliver(user, [message("new")])
        until(lambda: is_due(handles, account) and len(idler) == 1)


def test_no_more_connections_than_the_setting_says(handles: Handles, dovecot: DovecotServer) -> None:
    for _ in range(3):
        fetched(handles, dovecot)
    set_setting(handles, "idle_max", 2)
    with idling(handles) as idler:
        until(lambda: len(idler) == 2)
        set_setting(handles, "idle_max", 0)
        until(lambda: len(idler) == 0)


def test_what_a_dead_worker_idled_on_is_taken_over(handles: Handles, dovecot: DovecotServer) -> None:
    account, _ = fetched(handles, dovecot)
    change_status(handles, account, idle_owner="dead")
    with idling(handles) as idler:
        until(lambda: len(idler) == 1)
        assert listens(handles, account)()


@ON_SQLITE
def test_a_connection_that_breaks_comes_back_and_nothing_is_missed(
    handles: Handles, dovecot: DovecotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.workers.idle_spots.FIRST_PAUSE", 0.01)
    account, user = fetched(handles, dovecot)
    with Proxy(dovecot.ports.imap) as proxy, idling(handles) as idler:
        change_account(handles, account, port=proxy.port, version=2)
        until(lambda: verbs(proxy).count("IDLE") == 1)
        proxy.cut_all()
        dovecot.deliver(user, [message("meanwhile")])
        until(lambda: verbs(proxy).count("IDLE") == 2 and is_due(handles, account) and len(idler) == 1)


@ON_SQLITE
def test_a_line_that_is_silently_dead_is_noticed_at_its_renewal(
    handles: Handles, dovecot: DovecotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.workers.idle_spots.FIRST_PAUSE", 0.01)
    account, user = fetched(handles, dovecot)
    ahead = 0.0
    monotonic = clock.monotonic
    with Proxy(dovecot.ports.imap) as proxy, idling(handles) as idler:
        change_account(handles, account, port=proxy.port, version=2)
        until(lambda: verbs(proxy).count("IDLE") == 1 and len(idler) == 1)
        proxy.rules.append(Rule(Direction.TO_SERVER, Fault.BLACKHOLE, connections=frozenset({1})))
        # Time flies: the renewal is sent, no answer comes, the answer's deadline passes.
        monkeypatch.setattr("core.workers.idle_lines.clock.monotonic", lambda: monotonic() + ahead)
        ahead = RENEW_AFTER
        dovecot.deliver(user, [message("unheard")])
        until(lambda: verbs(proxy).count("IDLE") == 2 and is_due(handles, account))


@ON_SQLITE
def test_behind_lines_that_are_silently_dead_the_next_poll_finds_new_mail(
    handles: Handles, dovecot: DovecotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.inbound.connecting.SHORTEST", 0.5)
    account, user = fetched(handles, dovecot, interval=1)
    with Proxy(dovecot.ports.imap) as proxy:
        change_account(handles, account, port=proxy.port, version=2)
        with working(handles):
            until(lambda: "IDLE" in verbs(proxy))
            polled = status_of(handles, account).last_ok_at
            until(lambda: status_of(handles, account).last_ok_at > polled)
            # Packets of all connections are dropped: the one that idles, and the one that is kept for the next poll.
            dead = frozenset(range(1, proxy.connections + 1))
            proxy.rules += [Rule(direction, Fault.BLACKHOLE, connections=dead) for direction in Direction]
            dovecot.deliver(user, [message("unheard")])
            until(lambda: len(records(handles)) == 2)
    assert proxy.connections > len(dead)


@pytest.mark.parametrize(("own", "setting", "seconds"), [(None, 600, 20), (60, 600, 15), (2, 600, 2), (None, 40, 10)])
def test_a_kept_connection_is_waited_for_no_longer_than_the_poll_allows(
    own: int | None, setting: float, seconds: float
) -> None:
    account = Account(name="a", type="IMAP", host="h", username="u", interval=own)
    assert patience_with(account, timedelta(seconds=setting)) == seconds


@ON_SQLITE
def test_a_provider_that_limits_connections_is_only_polled_for_an_hour(
    handles: Handles, certificates: Certificates
) -> None:
    options = DovecotOptions(max_connections_per_user=1)
    with DovecotServer(certificates.good, users={}, options=options) as server:
        account, user = fetched(handles, server)
        with server.imap(user), idling(handles) as idler:
            until(lambda: status_of(handles, account).idle_after is not None)
            assert len(idler) == 0
    status = status_of(handles, account)
    assert timedelta(minutes=59) < status.idle_after - clock.utcnow() <= IN_AN_HOUR
    assert (status.idle_owner, status.status, status.failures) == ("", "ok", 0)


@ON_SQLITE
def test_a_server_without_idle_is_asked_again_after_a_day(handles: Handles, certificates: Certificates) -> None:
    options = DovecotOptions(imap_capability=capabilities_without("IDLE"))
    with DovecotServer(certificates.good, users={}, options=options) as server:
        account, _ = fetched(handles, server)
        with idling(handles):
            until(lambda: status_of(handles, account).idle_after is not None)
    assert status_of(handles, account).idle_after - clock.utcnow() > timedelta(hours=23)


@ON_SQLITE
def test_a_login_that_is_refused_is_not_tried_again_by_idling(handles: Handles, dovecot: DovecotServer) -> None:
    account, user = fetched(handles, dovecot)
    with Proxy(dovecot.ports.imap) as proxy:
        change_account(handles, account, port=proxy.port, username=f"{user}-is-wrong", version=2)
        with idling(handles):
            until(lambda: status_of(handles, account).idle_after is not None)
        assert proxy.connections == 1


def test_new_mail_does_not_cut_short_the_wait_of_an_account_that_fails(
    handles: Handles, dovecot: DovecotServer
) -> None:
    account, _ = fetched(handles, dovecot)
    change_status(handles, account, failures=2, status="throttled", due_at=clock.utcnow() + IN_AN_HOUR)
    idle_book.make_due(handles, [account])
    assert not is_due(handles, account)


def test_pauses_grow_to_ten_minutes_and_are_spread() -> None:
    assert [pause_after(breaks, 0.5) for breaks in (1, 2, 3)] == [5, 10, 20]
    assert pause_after(1, 0.0) == 2.5
    assert pause_after(1000, 0.5) == LONGEST_PAUSE
    assert pause_after(1000, 1.0) <= 1.5 * LONGEST_PAUSE
