"""Recipients with letters beyond ASCII before the @ go where the relay offers SMTPUTF8 (RFC 6531)."""

from datetime import timedelta

import pytest

from core import clock
from core.models import MailboxStatus, OutgoingMessage, Recipient
from core.outbound.sending.deliver import deliver_due
from core.services.actor import Actor, Role
from core.services.configuration.mailboxes import untested
from core.services.what_if import route
from tests.fakes.smtp import ScriptedSmtp
from tests.fakes.steps import Command, Cut, Reply
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
from tests.servers.smtp import Phase

JOERG, BOB = "jörg@example.net", "bob@example.net"
ADMIN = Actor("ann", "here", Role.SUPER_SECURITY_ADMIN)


@pytest.fixture
def plain():
    """A relay that does not offer it."""
    with ScriptedSmtp() as server:
        yield server


def heard(plain: ScriptedSmtp) -> list[str]:
    return [command.text for command in plain.commands if command.key in ("MAIL", "RCPT")]


def told(handles, recipient: str = JOERG) -> list[str]:
    return route.told(route.simulate(handles, ADMIN, "alice@example.org", recipient))


def test_who_needs_smtputf8_goes_by_the_mailbox_whose_relay_offers_it(handles, smtp_sink, plain):
    first = add_mailbox(handles, "plain", plain, priority=1)
    modern = add_mailbox(handles, "modern", smtp_sink)
    put(handles, to=(JOERG, BOB))

    assert deliver_due(handles, timeouts=QUICK).sent == 1

    assert heard(plain) == ["MAIL FROM:<alice@example.org>", f"RCPT TO:<{BOB}>"]
    assert [delivered.recipients for delivered in smtp_sink.deliveries] == [(JOERG,)]
    assert [(each.mailbox, each.outcome) for each in attempts(handles)] == [("plain", "deferred"), ("modern", "sent")]
    assert {one.state for one in recipients(handles).values()} == {"sent"}
    # It is known from then on: no turn is taken there for such a recipient.
    assert [mailbox_status(handles, key).server_takes_utf8 for key in (first, modern)] == [False, True]
    put(handles, to=(JOERG,))
    assert deliver_due(handles, timeouts=QUICK).sent == 1
    assert len(heard(plain)) == 2
    assert len(attempts(handles)) == 3


def test_a_recipient_fails_alone_once_every_mailbox_was_asked(handles, plain):
    add_mailbox(handles, "a", plain)
    add_mailbox(handles, "b", plain)
    put(handles, to=(JOERG, BOB))

    assert deliver_due(handles, timeouts=QUICK).failed == 1

    found = recipients(handles)
    assert found[BOB].state == "sent"
    assert (found[JOERG].state, found[JOERG].reply_code, found[JOERG].enhanced_code) == ("failed", 550, "5.6.7")
    assert found[JOERG].text == (
        "The relays of a, b do not offer SMTPUTF8, which an address with letters beyond ASCII needs; "
        "nor is there another mailbox for it."
    )
    assert len(heard(plain)) == 2
    # Though both are known by now, they are asked anew.
    put(handles, to=(JOERG,))
    assert deliver_due(handles, timeouts=QUICK).failed == 1


def test_who_needs_smtputf8_waits_for_a_mailbox_that_may_offer_it(handles, smtp_sink, plain):
    add_mailbox(handles, "plain", plain, priority=1)
    add_mailbox(handles, "modern", smtp_sink)
    smtp_sink.rule(Phase.MAIL, "421 4.3.2 not now", first=1)
    put(handles, to=(JOERG, BOB))

    assert deliver_due(handles, timeouts=QUICK).deferred == 1

    found = recipients(handles)
    assert (found[BOB].state, found[JOERG].state) == ("sent", "deferred")
    assert found[JOERG].text == (
        "The relay of plain does not offer SMTPUTF8, which an address with letters beyond ASCII needs; "
        "a mailbox that may cannot send now. 421 4.3.2 not now"
    )
    cooling = mailbox_status(handles, 2).cooling_until
    make_due(handles)
    handles.database.writing(lambda session: setattr(session.get(MailboxStatus, 2), "cooling_until", cooling))

    assert deliver_due(handles, timeouts=QUICK).deferred == 1
    [row] = rows(handles)
    assert row.next_attempt_at == cooling
    assert row.attempts == 1
    assert "plain has a relay without SMTPUTF8, which the recipient needs; modern cools down until" in row.last_error
    make_due(handles)
    assert deliver_due(handles, timeouts=QUICK).sent == 1
    assert len(heard(plain)) == 2


def test_beside_a_greylisted_recipient_it_waits_too(handles, smtp_sink):
    with ScriptedSmtp({"RCPT": ["450 4.7.1 greylisted"]}) as plain:
        add_mailbox(handles, "plain", plain, priority=1)
        modern = add_mailbox(handles, "modern", smtp_sink)
        put(handles, to=(JOERG, BOB))
        for _ in range(2):
            cooling = clock.utcnow() + timedelta(hours=1)
            make_due(handles)
            handles.database.writing(
                lambda session, until=cooling: setattr(session.get(MailboxStatus, modern), "cooling_until", until)
            )
            assert deliver_due(handles, timeouts=QUICK).deferred == 1

    assert {one.state for one in recipients(handles).values()} == {"deferred"}


def test_a_relay_that_hangs_up_is_blamed_though_one_of_its_recipients_needs_smtputf8(handles):
    with ScriptedSmtp({"MAIL": [Cut()]}) as plain:
        main = add_mailbox(handles, "plain", plain)
        put(handles, to=(BOB, JOERG))

        summary = deliver_due(handles, timeouts=QUICK)

    assert summary.faults["plain"].text == "The server ended the connection."
    assert mailbox_status(handles, main).failures == 1
    assert recipients(handles)[BOB].text == "The server ended the connection."


def test_a_connection_that_was_ended_meanwhile_is_opened_again_for_those_who_can_be_named(handles):
    def at_mail(command: Command) -> Reply:
        return [Cut()] if command.connection == 1 and plain.keys.count("MAIL") == 2 else ["250 ok"]

    with ScriptedSmtp({"MAIL": at_mail}) as plain:
        main = add_mailbox(handles, "plain", plain)
        put(handles, to=("first@example.net",))
        put(handles, to=(BOB, JOERG))

        deliver_due(handles, timeouts=QUICK)

        assert plain.connections == 2
    assert mailbox_status(handles, main).failures == 0
    assert recipients(handles)[BOB].state == "sent"


def test_the_rest_of_many_recipients_goes_on_by_the_same_mailbox(handles, smtp_sink):
    many = [JOERG, *(f"r{number}@example.net" for number in range(5))]
    answers = iter(["250 ok", "250 ok", "452 4.5.3 too many", "250 ok", "250 ok", "250 ok"])
    stepwise = ["250-plain", "250 8BITMIME"]
    with ScriptedSmtp({"EHLO": stepwise, "RCPT": lambda _: [next(answers)]}) as plain:
        add_mailbox(handles, "plain", plain, priority=1)
        add_mailbox(handles, "modern", smtp_sink)
        put(handles, to=tuple(many))

        assert deliver_due(handles, timeouts=QUICK).sent == 1

    assert len(plain.messages) == 3
    assert [delivered.recipients for delivered in smtp_sink.deliveries] == [(JOERG,)]


def test_a_bcc_that_needs_smtputf8_is_its_mailboxs_alone(handles, smtp_sink, plain):
    add_mailbox(handles, "plain", plain, priority=1, bcc=["jörg@example.org"])
    add_mailbox(handles, "modern", smtp_sink)
    put(handles)

    assert deliver_due(handles, timeouts=QUICK).sent == 1

    assert states(handles) == ["sent"]
    assert recipients(handles)["jörg@example.org"].enhanced_code == "5.6.7"
    assert not smtp_sink.deliveries


def test_a_recipient_that_was_uncertain_where_it_could_not_be_named_goes_elsewhere(handles, smtp_sink, plain):
    first = add_mailbox(handles, "plain", plain, priority=1)
    add_mailbox(handles, "modern", smtp_sink)
    put(handles, to=(JOERG,))
    # As a worker leaves it that is killed once the message is marked.
    change(handles, OutgoingMessage, state="uncertain", sent_by_id=first)
    change(handles, Recipient, state="uncertain")

    assert deliver_due(handles, timeouts=QUICK).deferred == 1
    make_due(handles)
    assert deliver_due(handles, timeouts=QUICK).sent == 1


def test_a_redirected_message_goes_by_what_its_one_recipient_needs(handles, smtp_sink, plain):
    set_setting(handles, "staging_redirect", "qa@example.org")
    add_mailbox(handles, "plain", plain, priority=1)
    add_mailbox(handles, "modern", smtp_sink)
    change(handles, MailboxStatus, server_takes_utf8=False)
    put(handles, to=(JOERG,))

    assert deliver_due(handles, timeouts=QUICK).sent == 1
    assert heard(plain)[1] == "RCPT TO:<qa@example.org>"


def test_the_simulator_says_where_smtputf8_is_offered(handles, smtp_sink, plain):
    add_mailbox(handles, "plain", plain, priority=1)
    add_mailbox(handles, "modern", smtp_sink)
    assert told(handles) == [
        "1. plain  (its turn)",
        "2. modern  (next priority, 10)",
        "jörg@example.net needs a relay that offers SMTPUTF8.",
        "Not known yet of plain, modern: the next connection tells; without it the next one is tried.",
    ]
    put(handles, to=(JOERG,))
    deliver_due(handles, timeouts=QUICK)

    assert told(handles) == [
        "1. modern  (its turn)",
        "-  plain  (has a relay without SMTPUTF8, which the recipient needs)",
        "jörg@example.net needs a relay that offers SMTPUTF8.",
    ]
    assert told(handles, BOB)[0] == "1. plain  (its turn)"
    change(handles, MailboxStatus, server_takes_utf8=False)
    assert told(handles)[0] == "1. plain  (its relay did not offer SMTPUTF8 when last asked; it is asked anew)"
    assert told(handles)[-1] == "Where no relay offers it, this recipient fails (5.6.7)."
    handles.database.writing(lambda session: untested(session, [1, 2]))
    assert told(handles)[0] == "1. plain  (its turn)"
