"""A passed test is remembered, forgotten with what it vouched for, and missed when something is saved without one."""

from collections.abc import Iterator
from typing import Any

import pytest

from core.handles import Handles
from core.models import AccountStatus, MailboxStatus
from core.resources.account import ACCOUNT
from core.resources.mailbox import MAILBOX
from core.services.actor import Actor
from core.services.configuration.accounts import accounts
from core.services.configuration.config_text import import_text
from core.services.configuration.mailboxes import mailboxes
from core.services.configuration.templates import templates
from core.services.connection_tests import testing
from core.services.connection_tests.tested import is_untested, remember
from tests.servers.certificates import Certificates
from tests.servers.smtp import RuledSink
from tui.demo.sink import Security

pytestmark = pytest.mark.parametrize("home", ["sqlite"], indirect=True)


@pytest.fixture
def relay(certificates: Certificates) -> Iterator[RuledSink]:
    """A relay with TLS and a login."""
    with RuledSink(Security.TLS, certificates.good, {"u": "secret"}, auth_required=True, size_limit=10 << 20) as sink:
        yield sink


@pytest.fixture
def mailbox(handles: Handles, admin: Actor, relay: RuledSink, certificates: Certificates) -> int:
    """A mailbox `m` on the template `T` that sends by the relay."""
    templates.add(handles, admin, "T", {
        "smtp_host": relay.host, "smtp_port": relay.port, "smtp_security": "tls",
        "tls_ca": str(certificates.good.authority),
    })  # fmt: skip
    login = {"template": "T", "username": "u", "password": "secret", "default_sender": "s@example.org"}
    return mailboxes.add(handles, admin, "m", login).id


def _status(handles: Handles, mailbox_id: int) -> MailboxStatus:
    with handles.database.reading() as session:
        status = session.get(MailboxStatus, mailbox_id)
    assert status is not None
    return status


def test_a_passed_test_keeps_the_time_the_servers_limit_and_the_end_of_its_certificate(
    handles: Handles, admin: Actor, mailbox: int
) -> None:
    assert is_untested(handles, MAILBOX, {}, name="m")

    steps = list(testing.test_mailbox(handles, admin, "m"))

    details = {step.step: step.detail for step in steps}
    assert "messages up to 10 MiB" in details["ehlo"]
    kept = _status(handles, mailbox)
    assert kept.tested_at is not None
    assert kept.server_max_size == 10 << 20
    assert kept.certificate_expires is not None
    assert not is_untested(handles, MAILBOX, {}, name="m")


def test_a_limit_of_the_mailbox_above_the_servers_is_pointed_out(handles: Handles, admin: Actor, mailbox: int) -> None:
    mailboxes.change(handles, admin, "m", {"max_size": "20MiB"})

    details = [step.detail for step in testing.test_mailbox(handles, admin, "m")]

    assert any("less than the mailbox's own limit (20MiB)" in detail for detail in details)


def test_a_failed_test_is_not_remembered(handles: Handles, admin: Actor, mailbox: int) -> None:
    mailboxes.change(handles, admin, "m", {"password": "wrong"})

    assert not all(step.ok for step in testing.test_mailbox(handles, admin, "m"))

    assert _status(handles, mailbox).tested_at is None


def test_what_is_changed_while_it_is_tested_is_not_taken_for_tested(
    handles: Handles, admin: Actor, mailbox: int
) -> None:
    steps = testing.test_mailbox(handles, admin, "m")
    next(steps)
    templates.change(handles, admin, "T", {"smtp_port": 2})

    assert all(step.ok for step in steps)

    assert _status(handles, mailbox).tested_at is None


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (mailboxes, {"username": "v"}),
        (mailboxes, {"password": "another"}),
        (mailboxes, {"template": "Gmail SMTP Relay"}),
        (templates, {"smtp_host": "other.example.org"}),
        (templates, {"smtp_port": 26}),
        (templates, {"smtp_security": "starttls"}),
        (templates, {"smtp_auth": False}),
        (templates, {"tls_fingerprint": "ab" * 32}),
        (templates, {"ehlo_name": "client.example.org"}),
        (templates, {"fallback": True}),
    ],
)
def test_changing_what_it_vouched_for_forgets_a_passed_test(
    handles: Handles, admin: Actor, mailbox: int, kind: Any, given: dict[str, Any]
) -> None:
    remember(handles, MAILBOX, "m")

    kind.change(handles, admin, "m" if kind is mailboxes else "T", given)

    assert _status(handles, mailbox).tested_at is None


def test_an_import_forgets_it_just_so(handles: Handles, admin: Actor, mailbox: int) -> None:
    remember(handles, MAILBOX, "m")

    import_text(handles, admin, '[[template]]\nname = "T"\nsmtp_port = 26\n', "f.toml")

    assert _status(handles, mailbox).tested_at is None


@pytest.mark.parametrize("given", [{"comment": "c"}, {"priority": 3}, {"password": "secret"}, {"name": "n"}])
def test_changing_anything_else_keeps_it(handles: Handles, admin: Actor, mailbox: int, given: dict[str, Any]) -> None:
    remember(handles, MAILBOX, "m")

    mailboxes.change(handles, admin, "m", given)
    templates.change(handles, admin, "T", {"comment": "c"})

    assert _status(handles, mailbox).tested_at is not None


@pytest.mark.parametrize(
    ("given", "is_forgotten"),
    [
        ({"host": "other.example.org"}, True),
        ({"port": 994}, True),
        ({"type": "IMAP"}, True),
        ({"username": "v"}, True),
        ({"password": "p"}, True),
        ({"tls_fingerprint": "ab" * 32}, True),
        ({"comment": "c"}, False),
        ({"folders": ["INBOX", "More"]}, False),
    ],
)
def test_an_accounts_passed_test_is_forgotten_with_its_login(
    handles: Handles, admin: Actor, given: dict[str, Any], is_forgotten: bool
) -> None:
    row_id = accounts.add(handles, admin, "a", {"type": "IMAPS", "host": "h.example.org", "username": "u"}).id
    remember(handles, ACCOUNT, "a")
    assert is_untested(handles, ACCOUNT, given, name="a") is is_forgotten

    accounts.change(handles, admin, "a", given)

    with handles.database.reading() as session:
        status = session.get(AccountStatus, row_id)
    assert status is not None
    assert (status.tested_at is None) is is_forgotten


def test_what_is_new_or_has_no_connection_is_told_apart(handles: Handles) -> None:
    from core.resources.routing import QUEUE

    assert is_untested(handles, ACCOUNT, {"name": "a"})
    assert not is_untested(handles, QUEUE, {"name": "q"})
