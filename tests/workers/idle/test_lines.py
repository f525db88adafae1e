"""Connections that wait for mail: when they break, die in silence, or are refused, nothing is missed for longer than a poll."""

from datetime import timedelta

import pytest

from core import clock
from core.handles import Handles
from core.inbound.server.connecting import patience_with
from core.models import Account
from core.protocols.imap.idle import RENEW_AFTER
from core.workers.idle.spots import LONGEST_PAUSE, pause_after
from tests.accounts import ON_SQLITE, change_account, message, records, status_of
from tests.fakes.faults import Direction, Fault, Rule
from tests.fakes.proxy import Proxy
from tests.servers.certificates import Certificates
from tests.servers.dovecot import DovecotServer, capabilities_without
from tests.waiting import until
from tests.workers.idle.idling import IN_AN_HOUR, fetched, idling, is_due, verbs
from tests.workers.working import working
from tui.demo.dovecot_config import DovecotOptions


@ON_SQLITE
def test_a_connection_that_breaks_comes_back_and_nothing_is_missed(
    handles: Handles, dovecot: DovecotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.workers.idle.spots.FIRST_PAUSE", 0.01)
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
    monkeypatch.setattr("core.workers.idle.spots.FIRST_PAUSE", 0.01)
    account, user = fetched(handles, dovecot)
    ahead = 0.0
    monotonic = clock.monotonic
    with Proxy(dovecot.ports.imap) as proxy, idling(handles) as idler:
        change_account(handles, account, port=proxy.port, version=2)
        until(lambda: verbs(proxy).count("IDLE") == 1 and len(idler) == 1)
        proxy.rules.append(Rule(Direction.TO_SERVER, Fault.BLACKHOLE, connections=frozenset({1})))
        # Time flies: the renewal is sent, no answer comes, the answer's deadline passes.
        monkeypatch.setattr("core.workers.idle.lines.clock.monotonic", lambda: monotonic() + ahead)
        ahead = RENEW_AFTER
        dovecot.deliver(user, [message("unheard")])
        # With time ahead for good the new line is renewed again and again.
        until(lambda: verbs(proxy).count("IDLE") > 1 and is_due(handles, account))


@ON_SQLITE
def test_behind_lines_that_are_silently_dead_the_next_poll_finds_new_mail(
    handles: Handles, dovecot: DovecotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.inbound.server.connecting.SHORTEST", 0.5)
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


def test_pauses_grow_to_ten_minutes_and_are_spread() -> None:
    assert [pause_after(breaks, 0.5) for breaks in (1, 2, 3)] == [5, 10, 20]
    assert pause_after(1, 0.0) == 2.5
    assert pause_after(1000, 0.5) == LONGEST_PAUSE
    assert pause_after(1000, 1.0) <= 1.5 * LONGEST_PAUSE
