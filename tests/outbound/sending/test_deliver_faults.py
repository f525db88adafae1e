"""What goes wrong on the way to a relay, phase by phase: nothing is lost, nothing is sent twice unsaid."""

import pytest

from core.models import MailboxStatus
from core.outbound.sending.deliver import deliver_due
from tests.outbound.world import (
    QUICK,
    add_mailbox,
    attempts,
    change,
    mail,
    mailbox_status,
    make_due,
    put,
    recipients,
    rows,
    set_setting,
    states,
)
from tests.servers.smtp import Action, Phase, RuledSink


def test_an_uncertain_message_is_tried_once_more_by_the_same_mailbox_under_the_same_id(handles, smtp_sink, second_sink):
    add_mailbox(handles, "other", second_sink)
    first = add_mailbox(handles, "first", smtp_sink)
    change(handles, MailboxStatus, last_turn=5)
    handles.database.writing(lambda session: setattr(session.get(MailboxStatus, first), "last_turn", 1))
    smtp_sink.rule(Phase.DOT, Action.TAKE_THEN_DROP, first=1)
    [message_id] = put(handles)

    assert deliver_due(handles, timeouts=QUICK).uncertain == 1
    assert (states(handles), len(smtp_sink.deliveries)) == (["uncertain"], 1)
    assert recipients(handles)["bob@example.net"].state == "uncertain"
    # Not due yet: the next pass leaves it alone.
    assert deliver_due(handles, timeouts=QUICK).as_dict()["uncertain"] == 0
    assert len(smtp_sink.deliveries) == 1

    make_due(handles)
    assert deliver_due(handles, timeouts=QUICK).sent == 1
    assert [message_id.encode() in delivered.raw for delivered in smtp_sink.deliveries] == [True, True]
    assert not second_sink.deliveries
    assert [attempt.outcome for attempt in attempts(handles)] == ["uncertain", "sent"]
    assert rows(handles)[0].uncertain_since is not None


def test_an_uncertain_message_whose_mailbox_is_away_stays_uncertain_and_goes_to_no_other(
    handles, smtp_sink, second_sink
):
    failover = add_mailbox(handles, "second", second_sink)
    add_mailbox(handles, "first", smtp_sink, failover=failover)
    smtp_sink.rule(Phase.DOT, Action.TAKE_THEN_DROP)
    put(handles)
    deliver_due(handles, timeouts=QUICK)
    smtp_sink.stop()

    make_due(handles)
    deliver_due(handles, timeouts=QUICK)

    assert (states(handles), len(second_sink.deliveries)) == (["uncertain"], 0)


def test_by_setting_an_uncertain_message_waits_for_a_person(handles, smtp_sink):
    set_setting(handles, "retry.uncertain", "hold")
    add_mailbox(handles, "first", smtp_sink)
    smtp_sink.rule(Phase.DOT, Action.TAKE_THEN_DROP)
    put(handles)

    assert deliver_due(handles, timeouts=QUICK).held == 1

    assert states(handles) == ["held"]
    assert [attempt.outcome for attempt in attempts(handles)] == ["uncertain"]
    make_due(handles)
    assert deliver_due(handles, timeouts=QUICK).as_dict()["sent"] == 0


def test_one_refused_recipient_of_three_does_not_hold_back_the_others(handles, smtp_sink):
    add_mailbox(handles, "first", smtp_sink)
    smtp_sink.rule(Phase.RCPT, "550 5.1.1 no such user", matching="b@")
    put(handles, to=("a@example.net", "b@example.net", "c@example.net"))

    assert deliver_due(handles, timeouts=QUICK).failed == 1

    [delivered] = smtp_sink.deliveries
    assert delivered.recipients == ("a@example.net", "c@example.net")
    found = recipients(handles)
    assert [found[f"{name}@example.net"].state for name in "abc"] == ["sent", "failed", "sent"]
    assert (found["b@example.net"].reply_code, found["b@example.net"].enhanced_code) == (550, "5.1.1")
    make_due(handles)
    deliver_due(handles, timeouts=QUICK)
    assert len(smtp_sink.deliveries) == 1


def test_a_recipient_with_letters_beyond_ascii_fails_alone_where_the_relay_cannot_name_him(
    handles, smtp_sink, monkeypatch
):
    from core.protocols.smtp.dialogue import SmtpDialogue

    add_mailbox(handles, "main", smtp_sink)
    to = ("jürgen@example.net", "bob@example.net")
    put(handles, to=to)
    deliver_due(handles, timeouts=QUICK)
    assert smtp_sink.deliveries[0].recipients == to

    offers = SmtpDialogue.offers
    monkeypatch.setattr(SmtpDialogue, "offers", lambda self, name: name != "SMTPUTF8" and offers(self, name))
    put(handles, to=to, notify=True)
    deliver_due(handles, timeouts=QUICK)
    assert states(handles) == ["sent", "failed", "sent"]
    assert smtp_sink.deliveries[1].recipients == ("bob@example.net",)
    of_last = {address: one for address, one in recipients(handles).items() if one.outgoing_id == 2}
    assert of_last["jürgen@example.net"].enhanced_code == "5.6.7"
    assert (of_last["jürgen@example.net"].state, of_last["bob@example.net"].state) == ("failed", "sent")
    # And the sender is told, in a report of ASCII.
    assert b"Final-Recipient: utf-8; j\\x{FC}rgen@example.net" in smtp_sink.deliveries[2].raw


def test_a_message_that_fails_for_an_earlier_refusal_says_so_at_its_end(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink)
    smtp_sink.rule(Phase.RCPT, "450 4.7.1 greylisted", matching="slow@", first=1)
    smtp_sink.rule(Phase.RCPT, "550 5.1.1 no such user", matching="gone@")
    put(handles, to=("gone@example.net", "slow@example.net"))
    deliver_due(handles, timeouts=QUICK)
    make_due(handles)
    told = []

    assert deliver_due(handles, timeouts=QUICK, log=told.append).failed == 1

    [row] = rows(handles)
    assert (row.state, row.last_error) == ("failed", "gone@example.net: failed at an earlier try (550).")
    assert [delivery.text for delivery in told] == [row.last_error]


def test_a_greylisted_recipient_is_tried_again_by_the_same_mailbox_and_alone(handles, smtp_sink, second_sink):
    add_mailbox(handles, "other", second_sink)
    first = add_mailbox(handles, "first", smtp_sink)
    change(handles, MailboxStatus, last_turn=5)
    handles.database.writing(lambda session: setattr(session.get(MailboxStatus, first), "last_turn", 1))
    smtp_sink.rule(Phase.RCPT, "450 4.7.1 greylisted", matching="slow@", first=1)
    put(handles, to=("quick@example.net", "slow@example.net"))

    assert deliver_due(handles, timeouts=QUICK).deferred == 1
    assert states(handles) == ["deferred"]
    assert mailbox_status(handles, first).cooling_until is None

    make_due(handles)
    assert deliver_due(handles, timeouts=QUICK).sent == 1
    assert [delivered.recipients for delivered in smtp_sink.deliveries] == [
        ("quick@example.net",),
        ("slow@example.net",),
    ]
    assert not second_sink.deliveries


def test_what_a_message_waits_for_is_told_before_what_failed_for_good(handles, smtp_sink):
    add_mailbox(handles, "main", smtp_sink)
    smtp_sink.rule(Phase.RCPT, "550 5.1.1 No such user", matching="nobody@")
    smtp_sink.rule(Phase.RCPT, "450 4.7.1 Greylisted", matching="grey@")
    put(handles, to=("nobody@example.net", "grey@example.net", "bob@example.net"))
    told = []

    deliver_due(handles, timeouts=QUICK, log=told.append)

    assert rows(handles)[0].last_error == "450 4.7.1 Greylisted"
    assert attempts(handles)[0].text.endswith("(1 deferred, 1 failed, 1 sent)")
    assert [delivery.text for delivery in told] == ["450 4.7.1 Greylisted"]


def test_a_relay_that_ended_an_idle_session_is_not_blamed(handles, smtp_sink):
    from core.outbound.sending.pool import Pool

    first = add_mailbox(handles, "first", smtp_sink)
    pool = Pool()
    put(handles)
    deliver_due(handles, timeouts=QUICK, pool=pool)
    smtp_sink.stop()
    smtp_sink.start()
    put(handles)

    assert deliver_due(handles, timeouts=QUICK, pool=pool).sent == 1
    pool.close()

    assert len(smtp_sink.deliveries) == 2
    assert mailbox_status(handles, first).failures == 0


@pytest.mark.parametrize(
    "reply",
    [
        "421 4.7.0 enough for one session",
        "452 4.5.3 Too many recipients: Too many messages sent",  # OpenSMTPD's, which leaves the connection open
    ],
)
def test_a_relay_that_has_had_enough_of_a_connection_only_costs_a_new_one(handles, smtp_sink, reply):
    first = add_mailbox(handles, "first", smtp_sink)
    smtp_sink.rule(Phase.MAIL, reply, nth=4)
    put(handles, 6)

    assert deliver_due(handles, timeouts=QUICK).sent == 6

    assert smtp_sink.connections == 2
    assert mailbox_status(handles, first).failures == 0


def test_with_all_mailboxes_down_a_message_is_deferred_with_the_reason(handles, smtp_sink, second_sink):
    failover = add_mailbox(handles, "second", second_sink)
    add_mailbox(handles, "first", smtp_sink, failover=failover)
    smtp_sink.stop()
    second_sink.stop()
    put(handles, 3)

    summary = deliver_due(handles, timeouts=QUICK)

    assert (summary.deferred, set(summary.faults)) == (3, {"first", "second"})
    for row in rows(handles):
        assert (row.state, row.attempts) == ("deferred", 1)
        assert "refused" in row.last_error.lower() or "answers" in row.last_error.lower(), row.last_error
        # The first wait is a minute, less up to a quarter.
        assert 40 < (row.next_attempt_at - row.created_at).total_seconds() < 70


def test_an_unsafe_message_waits_for_a_person_and_stops_nobody(handles, smtp_sink):
    add_mailbox(handles, "first", smtp_sink)
    put(handles, raw=b"From: a@example.org\r\nno field\r\nBcc: x@example.org\r\n\r\nx\r\n")
    put(handles)

    summary = deliver_due(handles, timeouts=QUICK)

    assert (summary.held, summary.sent, states(handles)) == (1, 1, ["held", "sent"])
    assert rows(handles)[0].last_error


def test_a_message_that_every_mailbox_refuses_for_its_size_fails_with_a_sentence_and_cools_none(
    handles, smtp_sink, second_sink
):
    failover = add_mailbox(handles, "second", second_sink, active=False)
    first = add_mailbox(handles, "first", smtp_sink, failover=failover)
    for sink in (smtp_sink, second_sink):
        sink.rule(Phase.MAIL, "552 5.3.4 too big")
    put(handles)

    deliver_due(handles, timeouts=QUICK)

    assert [(attempt.mailbox, attempt.reply_code) for attempt in attempts(handles)] == [("first", 552), ("second", 552)]
    assert states(handles) == ["failed"]
    failed = recipients(handles)["bob@example.net"]
    assert failed.enhanced_code == "5.3.4"
    assert "more than any mailbox takes (first 33554432, second 33554432)" in failed.text
    assert mailbox_status(handles, first).cooling_until is None


def test_a_servers_limit_is_learned_and_a_larger_message_goes_elsewhere_or_fails(handles, smtp_sink):
    with RuledSink(size_limit=1000) as narrow:
        first = add_mailbox(handles, "narrow", narrow)
        put(handles)
        deliver_due(handles, timeouts=QUICK)
        assert mailbox_status(handles, first).server_max_size == 1000

        large = mail("large") + b"line after line\r\n" * 100
        put(handles, raw=large)
        deliver_due(handles, timeouts=QUICK)
        assert states(handles) == ["sent", "failed"]
        assert "more than any mailbox takes (narrow 1000)" in rows(handles)[1].last_error
        assert narrow.hits[Phase.MAIL] == 1

        add_mailbox(handles, "wide", smtp_sink)
        put(handles, raw=large)
        deliver_due(handles, timeouts=QUICK)
        assert (states(handles)[2], len(smtp_sink.deliveries)) == ("sent", 1)


def test_a_mailbox_whose_server_has_just_told_its_limit_is_known_to_have_sent(handles):
    with RuledSink(size_limit=1000) as narrow:
        first = add_mailbox(handles, "narrow", narrow)
        put(handles)
        deliver_due(handles, timeouts=QUICK)
    assert (states(handles), mailbox_status(handles, first).last_sent_at is not None) == (["sent"], True)


def test_a_cooling_mailbox_works_again_after_one_success(handles, smtp_sink):
    first = add_mailbox(handles, "first", smtp_sink)
    smtp_sink.rule(Phase.MAIL, "451 4.3.0 not now", first=1)
    put(handles)
    deliver_due(handles, timeouts=QUICK)
    assert (mailbox_status(handles, first).failures, "not now" in mailbox_status(handles, first).last_error) == (
        1,
        True,
    )

    make_due(handles)
    deliver_due(handles, timeouts=QUICK)

    status = mailbox_status(handles, first)
    assert (states(handles), status.failures, status.last_error, status.cooling_until) == (["sent"], 0, "", None)
    assert status.last_sent_at is not None


def test_while_everyone_cools_a_message_waits_for_the_first_to_recover_and_that_is_no_try(handles, smtp_sink):
    first = add_mailbox(handles, "first", smtp_sink)
    smtp_sink.rule(Phase.MAIL, "451 4.3.0 not now", first=1)
    put(handles)
    deliver_due(handles, timeouts=QUICK)
    put(handles)

    assert deliver_due(handles, timeouts=QUICK).deferred == 1

    late = rows(handles)[1]
    assert (late.state, late.attempts) == ("deferred", 0)
    assert late.next_attempt_at == mailbox_status(handles, first).cooling_until
    assert "not now" in late.last_error


def test_a_wrong_password_cools_the_mailbox_and_is_told_as_configuration(handles, smtp_sink):
    from core.secret import Secret

    with RuledSink(users={"anna": "right"}, auth_required=True) as guarded:
        failover = add_mailbox(handles, "spare", smtp_sink, active=False)
        key = add_mailbox(handles, "guarded", guarded, failover=failover, t_smtp_auth=True, username="anna")
        handles.database.writing(
            lambda session: handles.vault.store(session, "mailbox", key, "password", Secret("wrong"))
        )
        put(handles)

        summary = deliver_due(handles, timeouts=QUICK)

        assert summary.sent == 1
        assert summary.faults["guarded"].is_configuration
        assert "wrong" not in str([tuple(attempt) for attempt in attempts(handles)])
        assert [(one.mailbox, one.phase, one.ms > 0) for one in attempts(handles)] == [
            ("guarded", "login", True),
            ("spare", "dot", True),
        ]


def test_a_mailbox_signs_in_with_its_own_password(handles):
    from core.secret import Secret

    with RuledSink(users={"anna": "right"}, auth_required=True) as guarded:
        key = add_mailbox(handles, "guarded", guarded, t_smtp_auth=True, username="anna")
        handles.database.writing(
            lambda session: handles.vault.store(session, "mailbox", key, "password", Secret("right"))
        )
        put(handles)

        assert deliver_due(handles, timeouts=QUICK).sent == 1
        assert guarded.deliveries[0].user == "anna"
