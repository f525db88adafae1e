"""More recipients than the server takes at once: they leave in parts, each part durable before the next begins."""

from collections import Counter
from datetime import timedelta

import pytest

from core.clock import utcnow
from core.models import MailboxStatus, OutgoingMessage
from core.outbound.sending.deliver import deliver_due
from core.outbox.reap import reap
from tests.outbound.world import (
    QUICK,
    add_mailbox,
    attempts,
    change,
    mailbox_status,
    make_due,
    put,
    recipients,
    rows,
    set_setting,
    states,
)
from tests.servers.smtp import Phase, RuledSink


@pytest.fixture
def narrow_sink():
    with RuledSink(most_recipients=10) as sink:
        yield sink


class Here:
    host = "127.0.0.1"

    def __init__(self, port: int) -> None:
        self.port = port


def addresses(count: int) -> tuple[str, ...]:
    return tuple(f"r{number}@example.net" for number in range(count))


def copies(sink) -> Counter:
    return Counter(address for delivered in sink.deliveries for address in delivered.recipients)


def test_all_recipients_have_it_once_and_the_limit_is_remembered(handles, narrow_sink):
    main = add_mailbox(handles, "main", narrow_sink)
    put(handles, to=addresses(34))

    assert deliver_due(handles, timeouts=QUICK).sent == 1

    assert copies(narrow_sink) == Counter(dict.fromkeys(addresses(34), 1))
    assert [len(delivered.recipients) for delivered in narrow_sink.deliveries] == [10, 10, 10, 4]
    assert {one.state for one in recipients(handles).values()} == {"sent"}
    assert mailbox_status(handles, main).server_max_recipients == 10
    # Only the first transaction had to be told; now it is known.
    assert narrow_sink.hits[Phase.RCPT] == 34 + 24
    put(handles, to=addresses(12))
    deliver_due(handles, timeouts=QUICK)
    assert narrow_sink.hits[Phase.RCPT] == 34 + 24 + 12
    assert {attempt.outcome for attempt in attempts(handles)} == {"sent"}


def test_a_limit_that_the_server_announces_is_kept_to_from_the_start(handles):
    from tests.fakes.smtp import ScriptedSmtp

    announced = ["250-scripted.example.com", "250-PIPELINING", "250 LIMITS MAILMAX=100 RCPTMAX=10"]
    with ScriptedSmtp({"EHLO": announced}) as server:
        main = add_mailbox(handles, "main", Here(server.port))
        put(handles, to=addresses(34))
        assert deliver_due(handles, timeouts=QUICK).sent == 1
    said = "".join(command.key[0] for command in server.commands if command.key in {"MAIL", "RCPT", "DATA"})
    assert said == "".join("M" + "R" * count + "D" for count in (10, 10, 10, 4))
    assert mailbox_status(handles, main).server_max_recipients == 10


def test_a_limit_that_was_learned_is_asked_for_anew_after_a_day(handles, narrow_sink):
    main = add_mailbox(handles, "main", narrow_sink)
    put(handles, to=addresses(12))
    deliver_due(handles, timeouts=QUICK)
    narrow_sink.most_recipients = 0
    put(handles, to=addresses(12))
    deliver_due(handles, timeouts=QUICK)
    assert [len(delivered.recipients) for delivered in narrow_sink.deliveries] == [10, 2, 10, 2]

    change(handles, MailboxStatus, server_max_recipients_at=utcnow() - timedelta(hours=25))
    put(handles, to=addresses(12))
    deliver_due(handles, timeouts=QUICK)
    assert len(narrow_sink.deliveries[-1].recipients) == 12

    narrow_sink.most_recipients = 5
    put(handles, to=addresses(12))
    deliver_due(handles, timeouts=QUICK)
    assert mailbox_status(handles, main).server_max_recipients == 5
    assert mailbox_status(handles, main).server_max_recipients_at > utcnow() - timedelta(minutes=5)


@pytest.mark.parametrize(
    ("policy", "state", "other"), [("retry", "uncertain", "uncertain"), ("hold", "queued", "held")]
)
def test_a_worker_lost_between_parts_leaves_only_the_part_in_hand_uncertain(handles, narrow_sink, policy, state, other):
    main = add_mailbox(handles, "main", narrow_sink)
    set_setting(handles, "retry.uncertain", policy)
    change(handles, MailboxStatus, server_max_recipients=10, server_max_recipients_at=utcnow())
    put(handles, to=addresses(34))
    taken = narrow_sink.keep
    seen = []

    def keep(delivered):
        [row] = rows(handles)
        seen.append((row.handing_over, row.in_hand_from, row.in_hand_to))
        taken(delivered)
        if len(seen) == 2:
            # As if this worker were lost now: its lease is over, and another one finds what it had in hand.
            past = utcnow() - timedelta(minutes=5)
            change(handles, OutgoingMessage, lease_until=past)
            handles.database.writing(
                lambda session: reap(session, lambda *_: utcnow() + timedelta(hours=1), hold_uncertain=policy == "hold")
            )

    narrow_sink.keep = keep
    deliver_due(handles, timeouts=QUICK)

    ids = [one.id for one in recipients(handles).values()]
    assert seen == [(True, ids[0], ids[9]), (True, ids[10], ids[19])]
    assert Counter(one.state for one in recipients(handles).values()) == {"sent": 10, other: 10, "queued": 14}
    assert states(handles) == [state]
    assert main == rows(handles)[0].sent_by_id


def test_refused_and_greylisted_recipients_are_told_from_those_who_must_wait_for_the_next_part(handles, narrow_sink):
    add_mailbox(handles, "main", narrow_sink)
    narrow_sink.rule(Phase.RCPT, "550 5.1.1 no such user", matching="r1@")
    narrow_sink.rule(Phase.RCPT, "450 4.7.1 greylisted", matching="r13@", first=1)
    put(handles, to=addresses(20))

    deliver_due(handles, timeouts=QUICK)
    assert states(handles) == ["deferred"]
    found = recipients(handles)
    assert (found["r1@example.net"].state, found["r13@example.net"].state) == ("failed", "deferred")
    make_due(handles)
    deliver_due(handles, timeouts=QUICK)

    assert states(handles) == ["failed"]
    assert copies(narrow_sink) == Counter(dict.fromkeys(set(addresses(20)) - {"r1@example.net"}, 1))


def test_a_connection_lost_between_parts_leaves_only_its_own_part_uncertain(handles, narrow_sink):
    from tests.servers.smtp import Action

    add_mailbox(handles, "main", narrow_sink)
    narrow_sink.rule(Phase.DOT, Action.TAKE_THEN_DROP, nth=2)
    put(handles, to=addresses(34))

    assert deliver_due(handles, timeouts=QUICK).uncertain == 1

    of_each = Counter(one.state for one in recipients(handles).values())
    assert of_each == {"sent": 10, "uncertain": 10, "deferred": 14}
    make_due(handles)
    assert deliver_due(handles, timeouts=QUICK).sent == 1
    twice = {address for address, count in copies(narrow_sink).items() if count == 2}
    assert twice == set(addresses(34)[10:20])
    assert len(copies(narrow_sink)) == 34


def test_the_next_mailbox_goes_on_where_the_first_one_stopped(handles, narrow_sink):
    with RuledSink() as second_sink:
        spare = add_mailbox(handles, "spare", second_sink, active=False)
        add_mailbox(handles, "main", narrow_sink, failover=spare)
        narrow_sink.rule(Phase.MAIL, "451 4.3.0 not now", nth=3)
        put(handles, to=addresses(34))

        assert deliver_due(handles, timeouts=QUICK).sent == 1

        assert copies(narrow_sink) + copies(second_sink) == Counter(dict.fromkeys(addresses(34), 1))
        assert len(second_sink.deliveries) == 1


def test_each_part_counts_for_the_rate_and_the_rest_waits(handles, narrow_sink):
    add_mailbox(handles, "main", narrow_sink, rate_per_minute=3)
    put(handles, to=addresses(34))
    assert deliver_due(handles, timeouts=QUICK).deferred == 1
    assert len(copies(narrow_sink)) == 20
    for _ in range(2):
        change(handles, MailboxStatus, rate_taken=[])
        make_due(handles)
        deliver_due(handles, timeouts=QUICK)
    assert states(handles) == ["sent"]
    assert copies(narrow_sink) == Counter(dict.fromkeys(addresses(34), 1))


def test_bcc_recipients_find_a_place_too(handles, narrow_sink):
    add_mailbox(handles, "main", narrow_sink, bcc=["archive@example.org"])
    put(handles, to=addresses(10))
    assert deliver_due(handles, timeouts=QUICK).sent == 1
    assert copies(narrow_sink) == Counter(dict.fromkeys((*addresses(10), "archive@example.org"), 1))
    assert recipients(handles)["archive@example.org"].state == "sent"


def test_without_pipelining_a_full_transaction_is_ended_at_the_first_refusal(handles, narrow_sink, monkeypatch):
    from core.protocols.smtp.dialogue import SmtpDialogue

    offers = SmtpDialogue.offers
    monkeypatch.setattr(SmtpDialogue, "offers", lambda self, name: name != "PIPELINING" and offers(self, name))
    add_mailbox(handles, "main", narrow_sink)
    put(handles, to=addresses(24))
    assert deliver_due(handles, timeouts=QUICK).sent == 1
    # Ten and the one that is refused; then ten, then four.
    assert narrow_sink.hits[Phase.RCPT] == 11 + 10 + 4
