"""A mailbox in which nothing is new costs one command, on a connection that stays open between polls."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from core import clock
from core.handles import Handles
from core.inbound.due import accounts_named
from core.inbound.run.closing import RunOutcome
from core.inbound.run.fetch import FetchOptions, fetch_account
from core.inbound.server.kept import LONGEST_IDLE, OLDEST, KeptSources
from core.inbound.server.unchanged import is_unchanged
from core.models import FolderMark
from core.protocols.imap.source import FolderStatus
from tests.accounts import (
    ON_SQLITE,
    add_account,
    at,
    change_account,
    change_status,
    claim_account,
    lines,
    message,
    raws,
)
from tests.fakes.holding import holding
from tests.fakes.imap import ScriptedImap
from tests.fakes.proxy import Proxy
from tests.servers.certificates import Certificates
from tests.servers.dovecot import DovecotServer, capabilities_without
from tui.demo.dovecot_config import DovecotOptions

MAILS = [message(number) for number in range(3)]


@pytest.fixture
def kept() -> Iterator[KeptSources]:
    sources = KeptSources()
    yield sources
    sources.close()


def poll(handles: Handles, kept: KeptSources | None = None, name: str = "a") -> RunOutcome:
    account = accounts_named(handles, [name])[0]
    assert account.id is not None
    claimed = claim_account(handles, account.id)
    assert claimed is not None
    outcome = fetch_account(handles, claimed, options=FetchOptions(kept=kept))
    assert outcome.error == ""
    return outcome


@contextmanager
def behind_proxy(handles: Handles, server: DovecotServer, **values: Any) -> Iterator[tuple[Proxy, str]]:
    user = server.fresh_user()
    server.deliver(user, MAILS)
    with Proxy(server.ports.imap) as proxy:
        add_account(handles, **{**at(server, user), "port": proxy.port, **values})
        yield proxy, user


def said(proxy: Proxy, since: int = 0) -> list[str]:
    return [line.text.partition(" ")[2] for line in proxy.lines[since:]]


STATUS = 'STATUS "INBOX" (MESSAGES UIDNEXT UIDVALIDITY)'


def test_an_unchanged_mailbox_costs_one_command_on_an_open_connection(
    handles: Handles, dovecot: DovecotServer, kept: KeptSources
) -> None:
    with behind_proxy(handles, dovecot) as (proxy, _):
        assert poll(handles, kept).counts.fetched == 3
        before = len(proxy.lines)

        second, third = poll(handles, kept), poll(handles, kept)

        assert said(proxy, before) == [STATUS, STATUS]
        assert proxy.connections == 1
    assert (second.counts.fetched, second.counts.skipped) == (0, 3)
    assert any("INBOX: 3 messages" in line and "0 new" in line for line in lines(handles, third.run_id))


def test_an_unchanged_mailbox_costs_one_command_beside_the_login_where_no_connection_is_open(
    handles: Handles, dovecot: DovecotServer
) -> None:
    with behind_proxy(handles, dovecot) as (proxy, _):
        poll(handles)
        before = len(proxy.lines)
        poll(handles)
        verbs = [line.split()[0] for line in said(proxy, before)]
    assert verbs[-2:] == ["STATUS", "LOGOUT"]
    assert not {"SELECT", "EXAMINE", "UID"} & set(verbs)


@ON_SQLITE
def test_new_mail_is_taken_in_over_the_connection_that_was_open(
    handles: Handles, dovecot: DovecotServer, kept: KeptSources
) -> None:
    with behind_proxy(handles, dovecot, after_fetch="delete") as (proxy, user):
        for number in range(4):
            dovecot.deliver(user, [message(f"new{number}")])
            assert poll(handles, kept).counts.fetched == (4 if number == 0 else 1)
            assert poll(handles, kept).counts.fetched == 0
        assert proxy.connections == 1
    assert dovecot.mails(user) == []
    assert len(raws(handles)) == 7


@ON_SQLITE
def test_messages_that_others_remove_are_no_reason_to_open_the_folder(
    handles: Handles, dovecot: DovecotServer, kept: KeptSources
) -> None:
    with behind_proxy(handles, dovecot) as (proxy, user):
        poll(handles, kept)
        dovecot.remove(user, 1)
        before = len(proxy.lines)
        poll(handles, kept)
        assert said(proxy, before) == [STATUS]


@ON_SQLITE
def test_each_folder_is_asked_for_itself(handles: Handles, dovecot: DovecotServer, kept: KeptSources) -> None:
    with behind_proxy(handles, dovecot, folders=["INBOX", "Archive"]) as (proxy, user):
        dovecot.create_folder(user, "Archive")
        poll(handles, kept)
        dovecot.deliver(user, [message("archived")], folder="Archive")
        before = len(proxy.lines)
        assert poll(handles, kept).counts.fetched == 1
        verbs = [line.split()[0] for line in said(proxy, before)]
    assert verbs[:3] == ["STATUS", "STATUS", "EXAMINE"]
    assert said(proxy, before)[2] == 'EXAMINE "Archive"'


@ON_SQLITE
def test_a_connection_that_died_meanwhile_is_replaced_within_the_run(
    handles: Handles, dovecot: DovecotServer, kept: KeptSources
) -> None:
    with behind_proxy(handles, dovecot) as (proxy, user):
        poll(handles, kept)
        proxy.cut_all()
        dovecot.deliver(user, [message("new")])
        assert poll(handles, kept).counts.fetched == 1
        assert proxy.connections == 2


def test_a_changed_account_gets_a_new_connection(handles: Handles, dovecot: DovecotServer, kept: KeptSources) -> None:
    with behind_proxy(handles, dovecot) as (proxy, _):
        poll(handles, kept)
        change_account(handles, accounts_named(handles, ["a"])[0].id or 0, version=2)
        poll(handles, kept)
        assert proxy.connections == 2
        assert len(kept) == 1


@ON_SQLITE
@pytest.mark.parametrize("after", ["keep", "delete"])
def test_without_unselect_only_what_was_read_is_left_by_close(
    handles: Handles, certificates: Certificates, kept: KeptSources, after: str
) -> None:
    options = DovecotOptions(imap_capability=capabilities_without("UNSELECT"))
    server = DovecotServer(certificates.good, users={}, options=options)
    with server, behind_proxy(handles, server, after_fetch=after) as (proxy, _):
        poll(handles, kept)
        verbs = [line.split()[0] for line in said(proxy)]
    # CLOSE would remove what others have marked, if the folder was opened for writing.
    assert verbs[-1] == ("CLOSE" if after == "keep" else "LOGOUT")
    assert len(kept) == (1 if after == "keep" else 0)


@ON_SQLITE
def test_pop3_is_never_kept_open(handles: Handles, dovecot: DovecotServer, kept: KeptSources) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, MAILS)
    add_account(handles, after_fetch="delete", **at(dovecot, user, "POP3"))
    poll(handles, kept)
    assert len(kept) == 0
    assert dovecot.mails(user) == []


@ON_SQLITE
def test_at_most_so_many_stay_open_and_those_that_do_stay(handles: Handles, dovecot: DovecotServer) -> None:
    kept = KeptSources(most=2)
    users = [dovecot.fresh_user() for _ in range(3)]
    for user in users:
        dovecot.deliver(user, MAILS[:1])
        add_account(handles, name=user, **at(dovecot, user))
    for user in users * 2:
        poll(handles, kept, user)
    assert len(kept) == 2
    first = kept.take(accounts_named(handles, [users[0]])[0])
    assert first is not None
    first.drop()
    kept.close()
    assert len(kept) == 0


@ON_SQLITE
@pytest.mark.parametrize(("later", "stays"), [(LONGEST_IDLE - 1, 1), (LONGEST_IDLE + 1, 0)])
def test_a_connection_nobody_asks_for_is_given_up(
    handles: Handles,
    dovecot: DovecotServer,
    kept: KeptSources,
    monkeypatch: pytest.MonkeyPatch,
    later: float,
    stays: int,
) -> None:
    with behind_proxy(handles, dovecot):
        poll(handles, kept)
        [one] = kept._kept.values()
        monkeypatch.setattr(clock, "monotonic", lambda: one.since + later)
        kept.tidy()
        assert len(kept) == stays


@ON_SQLITE
def test_a_connection_does_not_grow_older_than_an_hour(
    handles: Handles, dovecot: DovecotServer, kept: KeptSources, monkeypatch: pytest.MonkeyPatch
) -> None:
    with behind_proxy(handles, dovecot):
        poll(handles, kept)
        account = accounts_named(handles, ["a"])[0]
        source = kept.take(account)
        assert source is not None
        now = clock.monotonic()
        monkeypatch.setattr(clock, "monotonic", lambda: now + OLDEST + 1)
        assert not kept.keep(account, source)
        source.drop()


@ON_SQLITE
def test_a_server_that_refuses_status_is_asked_by_opening_the_folder(handles: Handles) -> None:
    mails: dict[int, bytes | None] = {1: message(1)}
    with ScriptedImap(holding(mails, {"STATUS": ["$tag NO not today"]})) as server:
        account = add_account(handles, port=server.port)
        poll(handles)
        mails[2] = message(2)
        change_status(handles, account, failures=0)
        assert poll(handles).counts.fetched == 1
    assert server.keys.count("EXAMINE") == 2


MARK = FolderMark(account_id=1, epoch=1, folder="INBOX", uidvalidity=7, uid_settled=9, uid_next=10, messages=4)
LOOKS = {
    "nothing happened": (FolderStatus(4, 10, 7), True),
    "somebody removed one": (FolderStatus(3, 10, 7), True),
    "it was emptied": (FolderStatus(0, 10, 7), True),
    "one came": (FolderStatus(5, 11, 7), False),
    "one came and one went": (FolderStatus(4, 11, 7), False),
    "numbered anew": (FolderStatus(4, 10, 8), False),
    "more, but no greater UIDNEXT": (FolderStatus(5, 10, 7), False),
    "no UIDNEXT": (FolderStatus(4, 0, 7), False),
}


@pytest.mark.parametrize("look", LOOKS)
def test_what_status_tells(look: str) -> None:
    status, expected = LOOKS[look]
    assert is_unchanged(MARK, status) is expected
