"""Settings of an older gateway, taken over."""

from pathlib import Path

import pytest
from sqlmodel import select

from core.errors import BadInput, NotPermitted
from core.handles import Handles
from core.models import Secret as StoredSecret
from core.services.actor import Actor, Role
from core.services.configuration.mailboxes import mailboxes
from core.services.configuration.templates import templates
from core.services.connection_tests import testing
from core.services.legacy.migration import MIGRATED, Migrated, migrate
from tests.servers.certificates import Certificates
from tests.servers.smtp import RuledSink
from tui.demo.sink import Security

pytestmark = pytest.mark.parametrize("home", ["sqlite"], indirect=True)

OLD = b"""# the old gateway
mail.smtp.host=smtp.example.org
mail.smtp.port=587
mail.smtp.starttls.enable=true
mail.smtp.auth=true
mail.smtp.user=relay
mail.smtp.password=canary-5a5
mail.smtp.from=post@example.org
"""


def taken(handles: Handles, admin: Actor, data: bytes = OLD, **more: str) -> Migrated:
    return migrate(handles, admin, data, "old.properties", **more)


def test_it_becomes_a_mailbox_on_the_template_that_waits_for_it(handles: Handles, admin: Actor) -> None:
    migrated = taken(handles, admin, name="legacy")

    assert (migrated.mailbox, migrated.template) == ("legacy", MIGRATED)
    template = templates.get(handles, admin, MIGRATED)
    assert (template["smtp_host"], template["smtp_security"]) == ("smtp.example.org", "starttls")
    mailbox = mailboxes.get(handles, admin, "legacy")
    assert (mailbox["template"], mailbox["username"], mailbox["password"]) == (MIGRATED, "relay", "set")
    assert mailbox["default_sender"] == "post@example.org"


def test_the_password_is_sealed_and_stands_nowhere_else(handles: Handles, admin: Actor) -> None:
    migrated = taken(handles, admin)

    with handles.database.reading() as session:
        (row,) = session.exec(select(StoredSecret)).all()
        kept = handles.vault.fetch(session, "mailbox", row.owner_id, "password")
    assert kept is not None
    assert kept.reveal() == "canary-5a5"
    assert "canary" not in f"{migrated} {[*map(str, migrated.imported)]}"
    home = Path(handles.environment.home)
    assert [path for path in home.rglob("*") if path.is_file() and b"canary-5a5" in path.read_bytes()] == []


def test_a_second_time_changes_nothing(handles: Handles, admin: Actor) -> None:
    taken(handles, admin)
    again = taken(handles, admin)
    assert (len(again.imported), again.imported.unchanged) == (0, 2)


def test_a_dry_run_changes_nothing(handles: Handles, admin: Actor) -> None:
    told = migrate(handles, admin, OLD, "old.properties", dry_run=True)
    assert next(str(one) for one in told.imported).startswith(f'~ template "{MIGRATED}"')
    assert mailboxes.matching(handles, admin).rows == []
    assert templates.get(handles, admin, MIGRATED)["smtp_host"] == ""


def test_a_template_that_others_send_by_is_left_alone(handles: Handles, admin: Actor) -> None:
    taken(handles, admin, name="first")
    other = OLD.replace(b"smtp.example.org", b"smtp.example.com")

    assert taken(handles, admin, other, name="second").template == f"{MIGRATED}: second"
    assert taken(handles, admin, name="third").template == MIGRATED  # the same server: it may share

    assert templates.get(handles, admin, MIGRATED)["smtp_host"] == "smtp.example.org"


def test_a_mailbox_that_is_no_migrated_one_is_not_overwritten(handles: Handles, admin: Actor) -> None:
    mailboxes.add(handles, admin, "relay", {"template": "Gmail SMTP Relay"})
    with pytest.raises(BadInput, match=r"there is a mailbox 'relay' already.*--name"):
        taken(handles, admin)
    assert mailboxes.get(handles, admin, "relay")["template"] == "Gmail SMTP Relay"


def test_everything_that_is_wrong_is_said_and_nothing_changed(handles: Handles, admin: Actor) -> None:
    with pytest.raises(BadInput) as refused:
        taken(handles, admin, OLD.replace(b"587", b"70000").replace(b"auth=true", b"auth=2"))
    assert len(refused.value.problems) == 2
    assert mailboxes.matching(handles, admin).rows == []


def test_it_is_for_super_security_admins(handles: Handles) -> None:
    with pytest.raises(NotPermitted):
        taken(handles, Actor("otto", "h", Role.OPERATOR))


def test_what_was_migrated_reaches_its_server(handles: Handles, admin: Actor, certificates: Certificates) -> None:
    with RuledSink(Security.TLS, certificates.good, {"relay": "canary-5a5"}, auth_required=True) as relay:
        taken(handles, admin, (
            "mail.smtp.host=localhost\nmail.smtp.socketFactory.class=javax.net.ssl.SSLSocketFactory\n"
            f"mail.smtp.socketFactory.port={relay.port}\nmail.smtp.auth=true\nmail.smtp.user=relay\n"
            "mail.smtp.password=canary-5a5\nmail.smtp.from=post@example.org\n"
        ).encode())  # fmt: skip
        templates.change(handles, admin, MIGRATED, {"tls_ca": str(certificates.good.authority)})
        steps = list(testing.test_mailbox(handles, admin, "relay"))
    assert all(step.ok for step in steps), steps
