"""Mailboxes and templates: failovers, inboxes, what is in use."""

from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import Session

from core.clock import utcnow
from core.db.bulk import table_of
from core.errors import BadInput, InUse
from core.handles import Handles
from core.models import Account, AccountStatus, MailboxStatus
from core.services import settings
from core.services.actor import Actor
from core.services.configuration.accounts import accounts
from core.services.configuration.mailboxes import failover_loop, mailboxes
from core.services.configuration.templates import templates
from tests.services.worlds import add


@pytest.mark.parametrize(
    ("failovers", "name", "failover", "loop"),
    [
        ({}, "A", "", []),
        ({}, "A", "B", []),
        ({}, "A", "A", ["A", "A"]),
        ({"B": "A"}, "A", "B", ["A", "B", "A"]),
        ({"B": "C", "C": "A"}, "A", "B", ["A", "B", "C", "A"]),
        ({"B": "C", "C": "D"}, "A", "B", []),
        ({"B": "C", "C": "B"}, "A", "B", []),  # a loop of others is not this one's
        ({"A": "B", "B": "C"}, "A", "", []),
    ],
)
def test_a_loop_of_failovers_is_found(failovers: dict[str, str], name: str, failover: str, loop: list[str]) -> None:
    assert failover_loop(failovers, name, None, failover) == loop


@pytest.mark.parametrize(
    ("name", "is_taken"),
    [("mail.example.org", True), ("host_1", True), ("[192.0.2.1]", True), ("[IPv6:2001:db8::1]", True),
     ("", True), ("a b", False), ("müller.example", False), ("-x", False), ("[x]", False)],
)  # fmt: skip
def test_a_relay_is_told_a_host_name_or_an_address_literal(
    handles: Handles, admin: Actor, name: str, is_taken: bool
) -> None:
    problems = templates.check(handles, {"name": "T", "ehlo_name": name})
    assert [problem.field for problem in problems] == ([] if is_taken else ["ehlo_name"])


def test_a_loop_of_failovers_is_refused_on_save(handles: Handles, admin: Actor) -> None:
    add(handles, admin, "mailbox", "B")
    add(handles, admin, "mailbox", "A", failover="B")

    with pytest.raises(BadInput, match="B → A → B"):
        mailboxes.change(handles, admin, "B", {"failover": "A"})
    with pytest.raises(BadInput, match="A → A"):
        mailboxes.change(handles, admin, "A", {"failover": "A"})


def test_a_failover_stays_active_and_there(handles: Handles, admin: Actor) -> None:
    add(handles, admin, "mailbox", "B")
    for name in ("A", "C"):
        add(handles, admin, "mailbox", name, failover="B")

    with pytest.raises(BadInput, match="failover of A, C"):
        mailboxes.change(handles, admin, "B", {"active": False})
    with pytest.raises(InUse, match="Mailbox B was not deleted: it is the failover of A, C"):
        mailboxes.delete(handles, admin, "B")
    mailboxes.change(handles, admin, "A", {"failover": ""})
    mailboxes.delete(handles, admin, "C")
    mailboxes.delete(handles, admin, "B")


def test_an_inactive_mailbox_may_be_a_failover(handles: Handles, admin: Actor) -> None:
    add(handles, admin, "mailbox", "B", active=False)
    add(handles, admin, "mailbox", "A", failover="B")

    assert mailboxes.get(handles, admin, "A")["failover"] == "B"


def test_a_missing_user_name_is_worth_a_word_only_where_the_template_has_a_login(
    handles: Handles, admin: Actor
) -> None:
    add(handles, admin, "template", "open", smtp_host="localhost", smtp_auth=False)
    add(handles, admin, "template", "closed", smtp_host="localhost")
    given = {"default_sender": "a@example.org"}

    assert mailboxes.add(handles, admin, "A", {**given, "template": "open"}).warnings == ()
    [told] = mailboxes.warnings(handles, {"template": "closed"}, name="A")
    assert told.startswith("There is no user name, and the template 'closed' has a login")
    assert mailboxes.add(handles, admin, "B", {**given, "template": "closed"}).warnings == (told,)
    assert mailboxes.change(handles, admin, "B", {"comment": "x"}).warnings == ()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"force_from": True}, "default_sender"),
        ({"default_sender": "Desk"}, "default_sender"),
        ({"default_sender": "Desk <desk>"}, "default_sender"),
        ({"default_sender": "Desk <a@example.org>, <b@example.org>"}, "default_sender"),
        ({"default_sender": "Desk\r\nBcc: x <a@example.org>"}, "default_sender"),
        ({"rate_per_minute": -1}, "rate_per_minute"),
        ({"return_path": "bounce+{token}"}, "return_path"),
        ({"return_path": "bounce+{tok}@example.org"}, "return_path"),
        ({"return_path": "x" * 40 + "{token}@example.org"}, "return_path"),
        ({"mime_script": "../footer.py"}, "mime_script"),
        ({"mime_script": "a\\b.py"}, "mime_script"),
        ({"mime_script": ".hidden.py"}, "mime_script"),
        ({"from_filter": ["not a domain!"]}, "from_filter"),
        ({"bcc": ["a@example.org", "nobody"]}, "bcc"),
        ({"mime_script": "../evil.py"}, "mime_script"),
        ({"template": "Nothing"}, "template"),
        ({"read_inbox": True, "username": "u", "template": "SendGrid SMTP Relay"}, "read_inbox"),
        ({"read_inbox": True}, "username"),
        ({"priority": -1}, "priority"),
    ],
)
def test_what_does_not_go_together_is_refused_by_its_field(
    handles: Handles, admin: Actor, given: dict[str, Any], field: str
) -> None:
    with pytest.raises(BadInput) as refused:
        add(handles, admin, "mailbox", "A", **given)

    assert [problem.field for problem in refused.value.problems] == [field]


@pytest.mark.parametrize("sender", ["desk@example.org", "Desk <desk@example.org>", '"Desk, the" <desk@example.org>'])
def test_a_default_sender_may_have_a_name(handles: Handles, admin: Actor, sender: str) -> None:
    add(handles, admin, "mailbox", "A", default_sender=sender, force_from=True)
    assert mailboxes.get(handles, admin, "A")["default_sender"] == sender


def test_senders_and_domains_make_a_from_filter(handles: Handles, admin: Actor) -> None:
    words = ["info@example.org", "example.org", "@example.com"]
    add(handles, admin, "mailbox", "A", from_filter=words, return_path="bounce+{token}@example.org")

    assert mailboxes.get(handles, admin, "A")["from_filter"] == words


def test_a_template_in_use_is_not_deleted(handles: Handles, admin: Actor) -> None:
    add(handles, admin, "template", "X")
    for name in ("b", "a"):
        add(handles, admin, "mailbox", name, template="X")

    with pytest.raises(InUse) as refused:
        templates.delete(handles, admin, "X")
    assert str(refused.value) == (
        "Template X was not deleted: 2 mailboxes still use it (a, b). Delete them or give them another template first."
    )

    mailboxes.delete(handles, admin, "b")
    with pytest.raises(InUse) as refused:
        templates.delete(handles, admin, "X")
    assert str(refused.value) == (
        "Template X was not deleted: 1 mailbox still uses it (a). Delete it or give it another template first."
    )

    mailboxes.change(handles, admin, "a", {"template": "Gmail SMTP Relay"})
    templates.delete(handles, admin, "X")


def test_a_mailbox_that_alerts_leave_through_is_kept_and_followed_by_name(handles: Handles, admin: Actor) -> None:
    add(handles, admin, "mailbox", "A")
    settings.change(handles, admin, {"alerts.mailbox": "A"})

    with pytest.raises(InUse, match="alerts"):
        mailboxes.delete(handles, admin, "A")
    mailboxes.change(handles, admin, "A", {"name": "B"})
    assert settings.read(handles, admin)["alerts.mailbox"] == "B"


def _inbox(handles: Handles) -> Account | None:
    table = table_of(Account)
    with handles.database.reading() as session:
        found = session.connection().execute(select(table.c.id).where(table.c.mailbox_id.is_not(None))).scalar()
        return None if found is None else session.get(Account, found)


def test_read_inbox_makes_an_account_that_follows_the_mailbox(handles: Handles, admin: Actor) -> None:
    add(handles, admin, "mailbox", "office", username="office@example.org", read_inbox=True)

    account = _inbox(handles)
    assert account is not None
    assert (account.name, account.host, account.type) == ("office", "imap.gmail.com", "IMAPS")
    assert (account.username, account.folders, account.address) == (
        "office@example.org", ["INBOX"], "office@example.org",
    )  # fmt: skip
    with handles.database.reading() as session:
        status = session.get(AccountStatus, account.id)
    assert status is not None
    assert status.due_at <= utcnow()

    mailboxes.change(handles, admin, "office", {"username": "desk@example.org"})
    account = _inbox(handles)
    assert account is not None
    assert (account.username, account.address, account.epoch) == ("desk@example.org", "desk@example.org", 2)

    templates.change(handles, admin, "Gmail SMTP Relay", {"incoming_host": "imap.example.org"})
    account = _inbox(handles)
    assert account is not None
    assert (account.host, account.epoch) == ("imap.example.org", 3)


def test_an_inbox_is_put_away_with_its_mailbox_and_comes_back_the_same(handles: Handles, admin: Actor) -> None:
    add(handles, admin, "mailbox", "office", username="u@example.org", read_inbox=True)
    first = _inbox(handles)
    assert first is not None

    mailboxes.change(handles, admin, "office", {"read_inbox": False})
    gone = _inbox(handles)
    assert gone is not None
    assert gone.deleted_at is not None
    mailboxes.change(handles, admin, "office", {"read_inbox": True})
    mailboxes.delete(handles, admin, "office")
    mailboxes.restore(handles, admin, "office")

    back = _inbox(handles)
    assert back is not None
    assert (back.id, back.deleted_at, back.epoch) == (first.id, None, 1)


def test_server_and_login_of_an_inbox_are_the_mailboxs(handles: Handles, admin: Actor) -> None:
    add(handles, admin, "mailbox", "office", username="u@example.org", read_inbox=True)

    for change in ({"host": "h"}, {"type": "POP3S"}, {"username": "x"}, {"password": "p"}, {"port": 1}):
        with pytest.raises(BadInput, match="mailbox 'office'"):
            accounts.change(handles, admin, "office", change)
    accounts.change(handles, admin, "office", {"dispatching": "queue", "queue": "Junk", "host": "imap.gmail.com"})
    with pytest.raises(InUse, match="inbox of the mailbox office"):
        accounts.delete(handles, admin, "office")


def test_an_inbox_finds_a_name_when_its_own_is_taken(handles: Handles, admin: Actor) -> None:
    add(handles, admin, "account", "office")
    add(handles, admin, "mailbox", "office", username="u@example.org", read_inbox=True)

    account = _inbox(handles)
    assert account is not None
    assert account.name == "office inbox"


def test_a_template_keeps_the_incoming_host_that_inboxes_need(handles: Handles, admin: Actor) -> None:
    add(handles, admin, "mailbox", "office", username="u@example.org", read_inbox=True)

    with pytest.raises(BadInput, match="office"):
        templates.change(handles, admin, "Gmail SMTP Relay", {"incoming_host": ""})


@pytest.mark.parametrize(
    ("kind", "change", "is_tested"),
    [
        ("mailbox", {"username": "x"}, False),
        ("mailbox", {"password": "x"}, False),
        ("mailbox", {"template": "SendGrid SMTP Relay"}, False),
        ("mailbox", {"priority": 5}, True),
        ("template", {"smtp_port": 25}, False),
        ("template", {"smtp_host": "x"}, False),
        ("template", {"smtp_security": "tls"}, False),
        ("template", {"comment": "x"}, True),
    ],
)
def test_a_passed_test_is_forgotten_when_the_connection_changes(
    handles: Handles, admin: Actor, kind: str, change: dict[str, Any], is_tested: bool
) -> None:
    row_id = add(handles, admin, "mailbox", "A")
    table = table_of(MailboxStatus)

    def test(session: Session) -> None:
        session.connection().execute(update(table).values(tested_at=utcnow()))

    handles.database.writing(test)
    if kind == "mailbox":
        mailboxes.change(handles, admin, "A", change)
    else:
        templates.change(handles, admin, "Gmail SMTP Relay", change)

    with handles.database.reading() as session:
        status = session.get(MailboxStatus, row_id)
    assert status is not None
    assert (status.tested_at is not None) == is_tested
