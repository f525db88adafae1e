"""The n-th statement, the n-th call to the network fails on the way out, for every n: all arrives, and it is said."""

import itertools
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from core.errors import StoreError
from core.handles import Handles
from core.outbound.sending.deliver import deliver_due
from tests.accounts import ON_POSTGRES, ON_SQLITE
from tests.crash.failures import failing_database, failing_network, losing_commit
from tests.crash.test_sender_kills import check, let_leases_run_out
from tests.outbound.world import QUICK, add_mailbox, put, states
from tests.servers.smtp import RuledSink


def sweep(handles: Handles, sink: RuledSink, failing: Callable[[int], Any]) -> int:
    """For every n: a pass whose n-th step fails, then good ones; gives back how many steps a pass has."""
    add_mailbox(handles, "main", sink)
    message_ids: list[str] = []
    for number in itertools.count(1):
        message_ids += put(handles, 3)
        with failing(number) as countdown, suppress(StoreError):
            deliver_due(handles, timeouts=QUICK)
        for _ in range(4):
            if set(states(handles)) == {"sent"}:
                break
            let_leases_run_out(handles)
            deliver_due(handles, timeouts=QUICK)
        assert Counter(states(handles)) == {"sent": len(message_ids)}, f"step {number}"
        check(handles, sink, message_ids)
        if not countdown.has_failed:
            return number
    raise AssertionError


@ON_SQLITE
def test_whichever_statement_fails_every_message_arrives(handles: Handles, smtp_sink: RuledSink) -> None:
    assert sweep(handles, smtp_sink, lambda number: failing_database(handles, number)) > 10


@ON_POSTGRES
def test_whichever_commit_the_server_says_nothing_of_every_message_arrives(
    handles: Handles, smtp_sink: RuledSink
) -> None:
    assert sweep(handles, smtp_sink, lambda number: losing_commit(handles, number)) > 3


@ON_SQLITE
def test_whichever_call_to_the_network_fails_every_message_arrives(handles: Handles, smtp_sink: RuledSink) -> None:
    assert sweep(handles, smtp_sink, failing_network) > 5
