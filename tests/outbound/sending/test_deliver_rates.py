"""Rates: reserved when a message is dealt to a mailbox, held over all workers, a fifth of each kept for what is urgent."""

import threading
from collections import Counter
from datetime import timedelta

from core.models import MailboxStatus
from core.outbound.sending.deliver import deliver_due
from tests.outbound.world import (
    QUICK,
    add_mailbox,
    attempts,
    change,
    mailbox_status,
    make_due,
    put,
    rows,
    states,
)
from tests.servers.smtp import Phase


def taken(handles, mailbox_id: int) -> int:
    return sum(count for _, count in mailbox_status(handles, mailbox_id).rate_taken)


def let_a_minute_pass(handles) -> None:
    change(handles, MailboxStatus, rate_taken=[])
    make_due(handles)


def test_out_of_rate_messages_wait_and_that_is_no_try(handles, smtp_sink, second_sink):
    spare = add_mailbox(handles, "spare", second_sink, active=False)
    main = add_mailbox(handles, "main", smtp_sink, failover=spare, rate_per_minute=5)
    put(handles, 9)

    summary = deliver_due(handles, timeouts=QUICK)

    # Four of five: the fifth is for urgent mail.
    assert (summary.sent, summary.deferred, len(second_sink.deliveries)) == (4, 5, 0)
    waiting = [row for row in rows(handles) if row.state == "deferred"]
    assert {(row.attempts, row.last_error) for row in waiting} == {(0, "main has used up its rate")}
    assert all(timedelta(seconds=58) < row.next_attempt_at - row.created_at < timedelta(minutes=3) for row in waiting)
    assert taken(handles, main) == 4

    put(handles, lane="urgent")
    assert deliver_due(handles, timeouts=QUICK).sent == 1
    put(handles, lane="urgent")
    assert deliver_due(handles, timeouts=QUICK).sent == 0

    let_a_minute_pass(handles)
    # The urgent one first, and with it four in all.
    assert deliver_due(handles, timeouts=QUICK).sent == 4
    assert states(handles)[-1] == "sent"


def test_a_mailbox_out_of_rate_gives_its_turn_to_the_next(handles, smtp_sink, second_sink):
    add_mailbox(handles, "slow", smtp_sink, rate_per_minute=5)
    add_mailbox(handles, "free", second_sink)
    put(handles, 20)
    assert deliver_due(handles, timeouts=QUICK).sent == 20
    assert (len(smtp_sink.deliveries), len(second_sink.deliveries)) == (4, 16)


def test_a_rate_holds_over_senders_that_work_at_once(handles, smtp_sink):
    from core.gateway import open_gateway

    main = add_mailbox(handles, "main", smtp_sink, rate_per_minute=50)
    put(handles, 200)
    others = [open_gateway(handles.environment) for _ in range(3)]
    threads = [threading.Thread(target=deliver_due, args=(each,), kwargs={"timeouts": QUICK}) for each in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in others:
        each.close()

    assert (len(smtp_sink.deliveries), taken(handles, main)) == (40, 40)
    assert Counter(states(handles)) == {"sent": 40, "deferred": 160}


def test_what_moves_on_to_a_failover_counts_there_too(handles, smtp_sink, second_sink):
    spare = add_mailbox(handles, "spare", second_sink, active=False, rate_per_minute=5)
    add_mailbox(handles, "main", smtp_sink, failover=spare)
    smtp_sink.stop()
    put(handles, 10)

    summary = deliver_due(handles, timeouts=QUICK)

    assert (summary.sent, summary.deferred, len(second_sink.deliveries)) == (4, 6, 4)
    assert taken(handles, spare) == 4
    assert {attempt.outcome for attempt in attempts(handles) if "rate" in attempt.text} == {"passed over"}


def test_an_orderly_stop_gives_back_what_was_taken_for_messages_not_begun(handles, smtp_sink):
    main = add_mailbox(handles, "main", smtp_sink, rate_per_minute=100)
    put(handles, 60)
    stop = threading.Event()
    sent = []

    def told(delivery):
        sent.append(delivery)
        stop.set()

    deliver_due(handles, timeouts=QUICK, stop=stop, log=told, couriers=1)

    assert 0 < len(sent) < 60
    assert taken(handles, main) == len(sent) == len(smtp_sink.deliveries)


def test_a_greylisted_recipient_waits_for_the_rate_of_his_own_mailbox(handles, smtp_sink, second_sink):
    main = add_mailbox(handles, "main", smtp_sink, rate_per_minute=1)
    smtp_sink.rule(Phase.RCPT, "450 4.7.1 greylisted", first=1)
    put(handles)
    deliver_due(handles, timeouts=QUICK)
    add_mailbox(handles, "other", second_sink)
    make_due(handles)
    deliver_due(handles, timeouts=QUICK)
    assert (states(handles), rows(handles)[0].attempts, len(second_sink.deliveries)) == (["deferred"], 1, 0)
    assert taken(handles, main) == 1

    let_a_minute_pass(handles)
    deliver_due(handles, timeouts=QUICK)
    assert (states(handles), len(smtp_sink.deliveries)) == (["sent"], 1)
