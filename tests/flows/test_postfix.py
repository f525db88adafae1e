"""Through a real Postfix: what it takes, refuses and puts off, and the bounces that it writes by itself."""

from collections.abc import Iterator
from typing import Any

import pytest

from core.handles import Handles
from core.models import Message
from core.outbound.sending.deliver import deliver_due
from core.secret import Secret
from tests.accounts import ON_SQLITE, add_account, at, fetched_well, message, raws, rows_of
from tests.outbound.world import QUICK, add_mailbox, attempts, mailbox_status, make_due, put, recipients, rows, states
from tests.servers.postfix import SIZE_LIMIT, PostfixServer
from tests.servers.smtp import Phase
from tests.waiting import until

pytestmark = ON_SQLITE


@pytest.fixture(autouse=True)
def good_sink(postfix: PostfixServer) -> Iterator[None]:
    yield
    postfix.sink.clear_rules()


class Relay:
    """Where a mailbox's template leads."""

    def __init__(self, postfix: PostfixServer, *, submission: bool = False) -> None:
        self.host = postfix.host
        self.port = postfix.submission_port if submission else postfix.port


def relayed(postfix: PostfixServer, message_id: str) -> list[Any]:
    """What the sink behind Postfix has of a message."""
    return [one for one in postfix.sink.deliveries if message_id.encode() in one.raw]


def test_it_is_sent_over_starttls_with_a_login_and_arrives_beyond(handles: Handles, postfix: PostfixServer) -> None:
    user, address = postfix.fresh_mailbox()
    mailbox = add_mailbox(
        handles, "main", Relay(postfix, submission=True), username=user, t_smtp_security="starttls",
        t_smtp_auth=True, t_tls_ca=str(postfix.certificate.authority),
    )  # fmt: skip
    handles.database.writing(
        lambda session: handles.vault.store(session, "mailbox", mailbox, "password", Secret("secret"))
    )
    ids = put(handles, 30, sender=address, to=(address, "bob@example.net"))

    assert deliver_due(handles, timeouts=QUICK).sent == 30

    until(lambda: len(postfix.dovecot.mails(user)) == 30)
    until(lambda: all(relayed(postfix, one) for one in ids))
    assert {one.recipients for each in ids for one in relayed(postfix, each)} == {("bob@example.net",)}


@pytest.mark.parametrize(
    ("to", "state", "code", "enhanced"),
    [
        ("nobody@in.example", "failed", 550, "5.1.1"),
        ("gone@example.net", "failed", 550, "5.1.1"),
        ("grey@example.net", "deferred", 450, "4.2.0"),
    ],
)
def test_a_recipient_that_it_does_not_take_is_told_by_himself(
    handles: Handles, postfix: PostfixServer, to: str, state: str, code: int, enhanced: str
) -> None:
    add_mailbox(handles, "main", Relay(postfix))
    [message_id] = put(handles, to=(to, "bob@example.net"))
    deliver_due(handles, timeouts=QUICK)
    found = recipients(handles)
    assert (found[to].state, found[to].reply_code, found[to].enhanced_code) == (state, code, enhanced)
    assert found["bob@example.net"].state == "sent"
    assert states(handles) == [state]
    until(lambda: len(relayed(postfix, message_id)) == 1)
    make_due(handles)
    deliver_due(handles, timeouts=QUICK)
    assert len(relayed(postfix, message_id)) == 1


def test_a_recipient_upon_whom_it_hangs_up_fails_alone(handles: Handles, postfix: PostfixServer) -> None:
    main = add_mailbox(handles, "main", Relay(postfix))
    [message_id] = put(handles, to=("ann@example.net", "rude@example.net", "bob@example.net"))
    put(handles)

    deliver_due(handles, timeouts=QUICK)

    assert {address: row.state for address, row in recipients(handles).items()} == {
        "ann@example.net": "sent", "rude@example.net": "failed", "bob@example.net": "sent",
    }  # fmt: skip
    assert states(handles) == ["failed", "sent"]
    assert mailbox_status(handles, main).failures == 0
    until(lambda: len(relayed(postfix, message_id)) == 1)


def test_what_it_refuses_at_its_end_leaves_nothing_behind_for_the_next(
    handles: Handles, postfix: PostfixServer
) -> None:
    """Postfix keeps that transaction: recipients sent ahead were added to it, and an empty message went to all."""
    main = add_mailbox(handles, "main", Relay(postfix))
    put(handles, to=("late@example.net",))
    ids = put(handles, 2)

    deliver_due(handles, timeouts=QUICK)

    assert states(handles) == ["failed", "sent", "sent"]
    assert mailbox_status(handles, main).failures == 0
    until(lambda: all(relayed(postfix, one) for one in ids))
    assert not [one for one in postfix.sink.deliveries if "late@example.net" in one.recipients]


def test_a_sender_that_it_refuses_fails_alone(handles: Handles, postfix: PostfixServer) -> None:
    main = add_mailbox(handles, "main", Relay(postfix))
    put(handles, sender="stranger@example.org")
    put(handles)
    deliver_due(handles, timeouts=QUICK)
    assert (attempts(handles)[0].reply_code, states(handles)) == (554, ["failed", "sent"])
    assert mailbox_status(handles, main).failures == 0


def test_what_is_larger_than_its_limit_is_refused(handles: Handles, postfix: PostfixServer) -> None:
    add_mailbox(handles, "main", Relay(postfix))
    put(handles, raw=message(1) + b"x" * 900 + (b"y" * 900 + b"\r\n") * (SIZE_LIMIT // 900))
    deliver_due(handles, timeouts=QUICK)
    [row] = rows(handles)
    assert row.state == "failed"
    assert not relayed(postfix, row.message_id)


def test_addresses_and_text_beyond_ascii_arrive_as_they_were(handles: Handles, postfix: PostfixServer) -> None:
    add_mailbox(handles, "main", Relay(postfix))
    raw = "From: a@example.org\r\nTo: jörg@example.net\r\nSubject: grün\r\n\r\nschön " + "und lang " * 200
    [message_id] = put(handles, to=("jörg@example.net",), raw=raw.encode() + b"\r\n")
    assert deliver_due(handles, timeouts=QUICK).sent == 1
    until(lambda: len(relayed(postfix, message_id)) == 1)
    [delivered] = relayed(postfix, message_id)
    assert delivered.recipients == ("jörg@example.net",)
    assert "Subject: grün".encode() in delivered.raw


def test_its_recipients_limit_is_not_in_the_way(handles: Handles, postfix: PostfixServer) -> None:
    """It takes 50 of them at a time and answers 452 to the rest (RFC 5321 §4.5.3.1.10)."""
    add_mailbox(handles, "main", Relay(postfix))
    everybody = tuple(f"r{number}@example.net" for number in range(120))
    [message_id] = put(handles, to=everybody)
    for _ in range(4):
        deliver_due(handles, timeouts=QUICK)
        make_due(handles)
    assert states(handles) == ["sent"]
    until(lambda: {one for each in relayed(postfix, message_id) for one in each.recipients} == set(everybody))
    assert sum(len(each.recipients) for each in relayed(postfix, message_id)) == 120


def test_a_bounce_that_it_writes_comes_back_and_marks_the_recipient(handles: Handles, postfix: PostfixServer) -> None:
    user, address = postfix.fresh_mailbox()
    postfix.sink.rule(Phase.RCPT, "550 5.1.1 No such user", matching="dead@")
    add_mailbox(handles, "main", Relay(postfix), return_path=address.replace("@", "+{token}@"))
    account = add_account(handles, **at(postfix.dovecot, user))
    [message_id] = put(handles, to=("dead@example.net", "bob@example.net"), sender=address)
    assert deliver_due(handles, timeouts=QUICK).sent == 1

    until(lambda: len(postfix.dovecot.mails(user)) == 1)
    fetched_well(handles)

    [stored] = rows_of(handles, Message, "id")
    assert stored.state == "bounce"
    assert {each: row.state for each, row in recipients(handles).items()} == {
        "dead@example.net": "bounced", "bob@example.net": "sent",
    }  # fmt: skip
    [report] = raws(handles, account)
    assert b"Original-Envelope-Id:" in report
    assert message_id.encode() in report
    assert b"Hello 0." not in report, "the body does not travel back"
