"""An account that is deleted: its fetch stops, what it brought stays, its name is free, and it can come back."""

import threading

from core.handles import Handles
from core.models import Run
from core.resources.catalogue import kind_named
from core.services import quarantine
from core.services.actor import Actor
from core.services.configuration.accounts import accounts
from core.services.lists import search
from core.services.looking import runs
from tests.accounts import (
    ON_SQLITE,
    add_account,
    at,
    fetch,
    fetched_well,
    lines,
    message,
    raws,
    records,
    rows_of,
    status_of,
    stored,
)
from tests.fakes.faults import Direction, Fault, Rule
from tests.fakes.proxy import Line, Proxy
from tests.outbound.world import set_setting
from tests.servers.dovecot import DovecotServer


def listed(handles: Handles, actor: Actor, kind: str) -> list[str]:
    return [row["account"] for row in search.matching(handles, actor, kind_named(kind)).rows]


def test_what_a_deleted_account_brought_stays_and_its_name_is_free(
    handles: Handles, dovecot: DovecotServer, admin: Actor
) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(1), message(2)])
    add_account(handles, name="support", **at(dovecot, user))
    fetched_well(handles, "support")

    accounts.delete(handles, admin, "support")
    assert fetch(handles).accounts == 0
    assert (len(stored(handles)), len(records(handles)), len(rows_of(handles, Run, "id"))) == (2, 2, 1)
    assert listed(handles, admin, "message") == listed(handles, admin, "record") == ["deleted account"] * 2

    assert listed(handles, admin, "run") == ["deleted account"]
    assert {row["account"] for row in runs.tail(handles, admin, {})} == {"deleted account"}

    # Another one of that name is another account: what it receives is its own.
    add_account(handles, name="support", **at(dovecot, user))
    assert fetched_well(handles, "support").counts.records == 2
    assert listed(handles, admin, "record") == ["support", "support", "deleted account", "deleted account"]


def test_one_that_is_deleted_while_it_is_fetched_stops_and_says_why(
    handles: Handles, dovecot: DovecotServer, admin: Actor
) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(number, body="x" * 100_000) for number in range(150)])
    deleted = threading.Event()

    def delete(line: Line) -> None:
        if "BODY.PEEK" in line.text and not deleted.is_set():
            deleted.set()
            accounts.delete(handles, admin, "support")

    slow = Rule(Direction.TO_CLIENT, Fault.DELAY, at=rb"BODY\[\]", pause=0.7)
    with Proxy(dovecot.ports.imap, slow, watch=delete) as proxy:
        at_proxy = {**at(dovecot, user), "port": proxy.port}
        account = add_account(handles, name="support", after_fetch="delete", **at_proxy)
        [outcome] = fetch(handles, "support").outcomes
        taken = len(raws(handles))
        assert (outcome.state, 0 < taken < 150, len(dovecot.mails(user))) == ("stopped", True, 150 - taken)
        told = "the account was deleted: stopped after the current batch; the rest waits on the server"
        assert any(told in line for line in lines(handles, outcome.run_id))
        assert status_of(handles, account).lease_until is None

        accounts.restore(handles, admin, "support")
        assert fetched_well(handles, "support").counts.fetched == 150 - taken


def test_what_an_account_brought_is_shown_with_the_name_that_it_has_now(
    handles: Handles, dovecot: DovecotServer, admin: Actor
) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(1)])
    add_account(handles, name="support", **at(dovecot, user))
    fetched_well(handles, "support")
    accounts.change(handles, admin, "support", {"name": "helpdesk"})

    for kind in ("message", "record", "run", "event"):
        assert set(listed(handles, admin, kind)) == {"helpdesk"}
    assert [row["account"] for row in runs.recent(handles, admin)] == ["helpdesk"]
    assert search.matching(handles, admin, kind_named("run"), "account:helpdesk").rows


@ON_SQLITE
def test_what_comes_back_knows_its_mail(handles: Handles, dovecot: DovecotServer, admin: Actor) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(1)])
    add_account(handles, name="support", **at(dovecot, user))
    fetched_well(handles, "support")
    accounts.delete(handles, admin, "support")
    dovecot.deliver(user, [message(2)])
    accounts.restore(handles, admin, "support")
    assert fetched_well(handles, "support").counts.fetched == 1
    assert listed(handles, admin, "message") == ["support"] * 2


@ON_SQLITE
def test_what_it_left_in_quarantine_is_retried_by_the_defaults(
    handles: Handles, dovecot: DovecotServer, admin: Actor
) -> None:
    set_setting(handles, "loop.records", 1)
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(number, sender="ann@example.org") for number in (1, 2)])
    add_account(handles, name="support", **at(dovecot, user))
    fetched_well(handles, "support")
    accounts.delete(handles, admin, "support")
    set_setting(handles, "loop.records", 0)
    (waiting,) = quarantine.waiting(handles, admin)
    assert quarantine.retry(handles, admin, waiting) == "recorded"
