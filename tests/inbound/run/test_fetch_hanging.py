"""Servers that hang, drip or break off: the run ends in time, and nothing is lost or stored in part."""

import pytest

from core.handles import Handles
from core.protocols.server import Timeouts
from tests.accounts import (
    ON_SQLITE,
    add_account,
    at,
    change_account,
    fetch,
    fetched_well,
    message,
    raws,
    status_of,
    stored,
)
from tests.fakes.faults import Direction, Fault, Rule
from tests.fakes.holding import holding
from tests.fakes.imap import ScriptedImap
from tests.fakes.pop3 import ScriptedPop3
from tests.fakes.proxy import Proxy
from tests.fakes.steps import GREETING, Drip, Silence
from tests.servers.dovecot import DovecotServer

SHORT = Timeouts(connect=0.3, login=0.3, command=0.3, settle=0.3)


IMAP_STEPS = [GREETING, "CAPABILITY", "LOGIN", "SELECT", "UID SEARCH", "UID FETCH", "UID STORE", "UID EXPUNGE"]
POP3_STEPS = [GREETING, "CAPA", "USER", "PASS", "STAT", "UIDL", "LIST", "RETR", "DELE", "QUIT"]


@ON_SQLITE
@pytest.mark.parametrize("step", IMAP_STEPS)
def test_a_silent_imap_server_ends_the_run_in_time_and_loses_nothing(handles: Handles, step: str) -> None:
    mails: dict[int, bytes | None] = {1: message(1), 2: message(2)}
    good = holding(mails, {GREETING: ["* OK ready"]})
    with ScriptedImap({**good, step: [Silence()]}) as server:
        account = add_account(handles, port=server.port, after_fetch="delete")
        outcome = fetch(handles, timeouts=SHORT).outcomes[0]
        assert (outcome.state, outcome.fault) == ("failed", "passing")
        assert "slow" in outcome.error
        status = status_of(handles, account)
        assert (status.lease_until, status.failures) == (None, 1)
        assert set(mails) == {1, 2}

        server.script.update({**server.good, **good})
        fetched_well(handles)

    assert raws(handles) == [message(1), message(2)]
    assert mails == {}


@ON_SQLITE
@pytest.mark.parametrize("step", POP3_STEPS)
def test_a_silent_pop3_server_ends_the_run_in_time_and_loses_nothing(handles: Handles, step: str) -> None:
    with ScriptedPop3() as server:
        good = dict(server.script)
        server.script[step] = [Silence()]
        account = add_account(handles, type="POP3", port=server.port, after_fetch="delete")
        outcome = fetch(handles, timeouts=SHORT).outcomes[0]
        assert (outcome.state, outcome.fault) == ("failed", "passing")
        assert status_of(handles, account).lease_until is None
        assert not any(one.is_acknowledged for one in stored(handles))
        server.script.update(good)
        fetched_well(handles)
    assert len(raws(handles)) == 1
    assert all(one.is_acknowledged for one in stored(handles))


@ON_SQLITE
def test_a_server_that_drips_is_ended_in_time_too(handles: Handles) -> None:
    with ScriptedImap({GREETING: [Drip(b"* OK " + b"x" * 1000, pause=0.05)]}) as server:
        add_account(handles, port=server.port)
        outcome = fetch(handles, timeouts=SHORT).outcomes[0]
    assert outcome.fault == "passing"
    assert "slow" in outcome.error


@ON_SQLITE
@pytest.mark.parametrize("fault", [Fault.CUT, Fault.RESET])
def test_a_connection_that_breaks_in_a_message_stores_no_part_of_it(
    handles: Handles, dovecot: DovecotServer, fault: Fault
) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(1, body="y" * 20_000)])
    with Proxy(dovecot.ports.imap, Rule(Direction.TO_CLIENT, fault, at=rb"yyyy", including=True)) as proxy:
        account = add_account(handles, after_fetch="delete", **{**at(dovecot, user), "port": proxy.port})
        assert fetch(handles).outcomes[0].fault == "passing"
    assert stored(handles) == []
    assert len(dovecot.mails(user)) == 1
    change_account(handles, account, port=dovecot.ports.imap)
    fetched_well(handles)
    assert raws(handles) == [message(1, body="y" * 20_000)]
