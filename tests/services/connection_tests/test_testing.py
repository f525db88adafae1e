"""Testing connections of accounts and mailboxes, saved or not, against real servers."""

from collections.abc import Iterator
from typing import Any

import pytest

from core.errors import BadInput, NotPermitted, SecretUnreadable
from core.handles import Handles
from core.models import AccountStatus, MailboxStatus
from core.services.actor import Actor, Role
from core.services.configuration.accounts import accounts
from core.services.configuration.mailboxes import mailboxes
from core.services.configuration.templates import templates
from core.services.connection_tests import testing
from tests.servers.certificates import Certificates
from tests.servers.dovecot import DovecotServer
from tests.servers.smtp import RuledSink
from tui.demo.ports import free_ports
from tui.demo.sink import Security

OPERATOR = Actor("otto", "h", Role.OPERATOR)


@pytest.fixture
def login(dovecot: DovecotServer) -> dict[str, Any]:
    """An account of the Dovecot server, with three messages."""
    user = dovecot.fresh_user()
    for number in range(3):
        raw = b"Date: Fri, 1 Mar 2019 10:00:00 +0000\r\nSubject: %d\r\n\r\nx\r\n" % number
        dovecot.append(user, raw, internal_date='"01-Mar-2019 10:00:00 +0000"')
    return {
        "type": "IMAPS", "host": dovecot.host, "port": dovecot.ports.imaps, "username": user, "password": "secret",
        "tls_ca": str(dovecot.certificate.authority),
    }  # fmt: skip


def _tested(handles: Handles, row_id: int) -> bool:
    with handles.database.reading() as session:
        status = session.get(AccountStatus, row_id)
    return status is not None and status.tested_at is not None


def test_a_saved_account_passes_and_that_is_remembered(handles: Handles, admin: Actor, login: dict[str, Any]) -> None:
    row_id = accounts.add(handles, admin, "a", {**login, "after_fetch": "delete"}).id

    steps = list(testing.test_account(handles, OPERATOR, "a"))

    assert all(step.ok for step in steps), steps
    assert [step.step for step in steps][-4:] == ["login", "folder", "count", "plan"]
    assert steps[-1].detail == (
        "a first run would take in 3 messages, oldest 2019-03-01, and delete them on the server"
    )
    assert _tested(handles, row_id)


def test_a_wrong_password_fails_at_the_login_and_is_not_remembered(
    handles: Handles, admin: Actor, login: dict[str, Any]
) -> None:
    row_id = accounts.add(handles, admin, "a", {**login, "password": "wrong"}).id

    steps = list(testing.test_account(handles, admin, "a"))

    assert (steps[-1].step, steps[-1].ok) == ("login", False)
    assert "wrong" not in steps[-1].detail.split()
    assert not _tested(handles, row_id)


def test_values_of_a_form_are_tested_without_being_saved(handles: Handles, admin: Actor, login: dict[str, Any]) -> None:
    steps = list(testing.test_account(handles, admin, login))

    assert steps[-1].step == "plan"
    assert accounts.matching(handles, admin).rows == []


@pytest.mark.parametrize("by", ["argument", "value"])
def test_a_blank_password_is_the_one_that_is_kept(
    handles: Handles, admin: Actor, login: dict[str, Any], by: str
) -> None:
    row_id = accounts.add(handles, admin, "a", {**login, "host": "moved.example.org"}).id
    values = {**login, "password": ""}

    if by == "argument":
        steps = list(testing.test_account(handles, admin, values, name="a"))
    else:
        steps = list(testing.test_account(handles, admin, {**values, "name": "a"}))

    assert steps[-1].step == "plan"
    assert not _tested(handles, row_id)


def test_values_of_ones_own_choosing_need_the_right_to_change(
    handles: Handles, admin: Actor, login: dict[str, Any]
) -> None:
    accounts.add(handles, admin, "a", login)

    with pytest.raises(NotPermitted):
        list(testing.test_account(handles, OPERATOR, {**login, "password": ""}, name="a"))
    with pytest.raises(NotPermitted):
        list(testing.test_mailbox(handles, OPERATOR, {"template": "Gmail SMTP Relay"}))


def test_every_folder_is_opened(handles: Handles, admin: Actor, login: dict[str, Any], dovecot: DovecotServer) -> None:
    dovecot.create_folder(login["username"], "More")

    steps = list(testing.test_account(handles, admin, {**login, "folders": ["INBOX", "More"]}))
    missing = list(testing.test_account(handles, admin, {**login, "folders": ["INBOX", "Missing"]}))

    assert [step.step for step in steps][-5:] == ["folder", "count", "folder", "count", "plan"]
    assert "0 messages in More" in steps[-1].detail
    assert (missing[-1].step, missing[-1].ok) == ("folder", False)


def test_pop3_is_tested_too(handles: Handles, admin: Actor, login: dict[str, Any], dovecot: DovecotServer) -> None:
    steps = list(testing.test_account(handles, admin, {**login, "type": "POP3S", "port": dovecot.ports.pop3s}))

    assert steps[-1].detail == (
        "a first run would take in 3 messages, oldest 2019-03-01, and leave them on the server as they are"
    )


@pytest.mark.parametrize(
    ("values", "is_well", "text"),
    [
        ({"start_from": "2024-05-01"}, True, "take in 1 of 4 messages, those from the day set on, and leave"),
        (
            {"max_size": 1000},
            True,
            "take in 3 messages, oldest 2019-03-01, and leave them on the server as they are; 1",
        ),
        ({"type": "POP3S", "max_size": 1000}, True, "take in 3 messages, oldest 2019-03-01, and leave"),
        ({"type": "POP3S", "start_from": "2024-05-01"}, False, "POP3 does not tell when mail came"),
    ],
)
def test_the_plan_counts_what_the_account_would_leave(
    handles: Handles,
    admin: Actor,
    login: dict[str, Any],
    dovecot: DovecotServer,
    values: dict[str, Any],
    is_well: bool,
    text: str,
) -> None:
    raw = b"Subject: large\r\n\r\n" + b"x" * 2000 + b"\r\n"
    dovecot.append(login["username"], raw, internal_date='"01-May-2024 10:00:00 +0000"')
    port = dovecot.ports.pop3s if values.get("type") == "POP3S" else dovecot.ports.imaps

    steps = list(testing.test_account(handles, admin, {**login, "port": port, **values}))

    assert text in steps[-1].detail
    assert (steps[-1].step, steps[-1].ok) == ("plan", is_well)


def test_what_is_missing_is_said_before_anything_is_tried(handles: Handles, admin: Actor) -> None:
    with pytest.raises(BadInput) as refused:
        list(testing.test_account(handles, admin, {"type": "IMAPS", "port": 99999999}))

    assert {problem.field for problem in refused.value.problems} == {"port", "host", "username"}
    with pytest.raises(BadInput, match="password: is missing"):
        list(testing.test_account(handles, admin, {"type": "IMAPS", "host": "h", "username": "u"}))


def test_a_reference_that_cannot_be_read_is_named(handles: Handles, admin: Actor, login: dict[str, Any]) -> None:
    accounts.add(handles, admin, "a", {**login, "password": {"ref": "env:POSTROOM_NOT_SET"}})

    with pytest.raises(SecretUnreadable, match="POSTROOM_NOT_SET"):
        list(testing.test_account(handles, admin, "a"))


@pytest.fixture
def relay(certificates: Certificates) -> Iterator[RuledSink]:
    """A relay with TLS and a login."""
    with RuledSink(Security.TLS, certificates.good, {"u": "secret"}, auth_required=True) as sink:
        yield sink


def _relay_template(handles: Handles, admin: Actor, relay: RuledSink, certificates: Certificates, **more: Any) -> None:
    templates.add(handles, admin, "T", {
        "smtp_host": relay.host, "smtp_port": relay.port, "smtp_security": "tls",
        "tls_ca": str(certificates.good.authority), **more,
    })  # fmt: skip


MAILBOX = {"template": "T", "username": "u", "password": "secret", "default_sender": "S <s@example.org>"}


def test_a_mailbox_passes_and_sends_nothing(
    handles: Handles, admin: Actor, relay: RuledSink, certificates: Certificates
) -> None:
    _relay_template(handles, admin, relay, certificates)
    row_id = mailboxes.add(handles, admin, "m", MAILBOX).id

    steps = list(testing.test_mailbox(handles, OPERATOR, "m"))

    assert all(step.ok for step in steps), steps
    assert steps[-1].step == "data"
    assert relay.deliveries == []
    with handles.database.reading() as session:
        status = session.get(MailboxStatus, row_id)
    assert status is not None
    assert status.tested_at is not None


def test_a_wrong_password_of_a_mailbox_fails_at_the_login(
    handles: Handles, admin: Actor, relay: RuledSink, certificates: Certificates
) -> None:
    _relay_template(handles, admin, relay, certificates)

    steps = list(testing.test_mailbox(handles, admin, {**MAILBOX, "password": "wrong"}))

    assert (steps[-1].step, steps[-1].ok) == ("login", False)


def test_the_fallback_is_tested_when_nothing_answers_at_the_first_port(
    handles: Handles, admin: Actor, relay: RuledSink, certificates: Certificates
) -> None:
    (closed,) = free_ports(relay.host, 1)
    fallback = {"smtp_port": closed, "fallback": True, "fallback_port": relay.port, "fallback_security": "tls"}
    _relay_template(handles, admin, relay, certificates, **fallback)

    steps = list(testing.test_mailbox(handles, admin, MAILBOX))

    assert any("fallback follows" in step.detail for step in steps)
    assert (steps[-1].step, steps[-1].ok) == ("data", True)


def test_without_any_sender_the_test_ends_logged_in(
    handles: Handles, admin: Actor, relay: RuledSink, certificates: Certificates
) -> None:
    _relay_template(handles, admin, relay, certificates)

    steps = list(testing.test_mailbox(handles, admin, {**MAILBOX, "default_sender": ""}))

    assert (steps[-1].step, steps[-1].ok, steps[-2].step) == ("mail_from", True, "login")
    assert "default sender" in steps[-1].detail


def test_a_template_without_a_host_cannot_be_tested(handles: Handles, admin: Actor) -> None:
    with pytest.raises(BadInput, match="names no SMTP host"):
        list(testing.test_mailbox(handles, admin, {**MAILBOX, "template": "Migrated from previous version"}))
