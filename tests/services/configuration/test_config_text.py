"""Configuration as text: all or nothing, idempotent, and out again as it came in."""

import tomllib
from pathlib import Path

import pytest

from core.environment import read_environment
from core.errors import NotPermitted
from core.gateway import open_gateway
from core.handles import Handles
from core.resources.catalogue import AUDIT, CONFIGURED, kind_named
from core.resources.kind import FieldType
from core.services import settings
from core.services.actor import Actor, Role
from core.services.configuration import config_text
from core.services.configuration.catalogue import RESOURCES
from core.services.configuration.config_entries import read_text
from core.services.configuration.config_export import export_text
from core.services.configuration.config_text import import_text
from core.services.lists.search import matching
from tests.services.configuration.config_examples import EXAMPLE, FORWARD


def _names(handles: Handles, actor: Actor, kind: str) -> list[str]:
    described = kind_named(kind)
    return [row[described.key] for row in matching(handles, actor, described).rows]


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPPORT_PASSWORD", "kanarienvogel")


def test_the_example_is_taken(handles: Handles, admin: Actor) -> None:
    imported = import_text(handles, admin, EXAMPLE, "work.toml")

    assert [str(one) for one in imported] == ['+ queue "Support"', '+ account "support"', '+ filter "010 spam"']
    values = RESOURCES["account"].get(handles, admin, "support")
    assert (values["queue"], values["password"], values["port"]) == ("Support", "set", "")
    assert RESOURCES["filter"].get(handles, admin, "010 spam")["match"] == [
        {"header": "X-Spam-Flag", "regex": "yes", "negate": False},
        {"header": "Subject", "regex": "invoice", "negate": True},
    ]


def test_importing_again_changes_nothing(handles: Handles, admin: Actor) -> None:
    import_text(handles, admin, EXAMPLE, "work.toml")

    again = import_text(handles, admin, EXAMPLE, "work.toml")

    assert (len(again), again.unchanged, again.lines) == (0, 3, [])


def test_a_dry_run_tells_and_changes_nothing(handles: Handles, admin: Actor) -> None:
    assert len(import_text(handles, admin, EXAMPLE, "work.toml", dry_run=True)) == 3
    assert _names(handles, admin, "account") == []
    assert matching(handles, admin, AUDIT).rows == []


def test_names_may_refer_forward(handles: Handles, admin: Actor) -> None:
    import_text(handles, admin, FORWARD, "work.toml")

    assert RESOURCES["mailbox"].get(handles, admin, "a")["failover"] == "b"
    assert RESOURCES["mailbox"].get(handles, admin, "b")["profile"] == "p"
    assert RESOURCES["account"].get(handles, admin, "in")["start_from"] == "2026-01-31"
    assert settings.read(handles, admin)["default_queue"] == "First"
    assert not import_text(handles, admin, FORWARD, "work.toml").differences


def test_what_is_not_mentioned_stays(handles: Handles, admin: Actor) -> None:
    import_text(handles, admin, EXAMPLE, "work.toml")
    changed = '[[account]]\nname = "support"\ncomment = "now with a reason"'

    assert [str(one) for one in import_text(handles, admin, changed, "b.toml")] == [
        '~ account "support": comment: – → now with a reason'
    ]
    values = RESOURCES["account"].get(handles, admin, "support")
    assert (values["host"], values["password"], values["queue"]) == ("imap.example.org", "set", "Support")
    assert "010 spam" in _names(handles, admin, "filter")


def test_a_file_may_turn_a_chain_around(handles: Handles, admin: Actor) -> None:
    import_text(handles, admin, "".join(
        f"[[mailbox]]\nname='{name}'\ntemplate='Gmail SMTP Relay'\nfailover='{failover}'\n"
        for name, failover in (("a", "b"), ("b", "c"), ("c", ""))
    ), "a.toml")  # fmt: skip

    turned = "".join(
        f"[[mailbox]]\nname='{name}'\nfailover='{failover}'\n" for name, failover in (("c", "b"), ("b", "a"), ("a", ""))
    )
    import_text(handles, admin, turned, "b.toml")

    failovers = [RESOURCES["mailbox"].get(handles, admin, name)["failover"] for name in "abc"]
    assert failovers == ["", "a", "b"]


def test_a_failover_may_be_switched_off_in_the_file_that_replaces_it(handles: Handles, admin: Actor) -> None:
    import_text(handles, admin, "".join(
        f"[[mailbox]]\nname='{name}'\ntemplate='Gmail SMTP Relay'\nfailover='{failover}'\n"
        for name, failover in (("a", "b"), ("b", ""), ("c", ""))
    ), "a.toml")  # fmt: skip

    import_text(handles, admin, "[[mailbox]]\nname='b'\nactive=false\n[[mailbox]]\nname='a'\nfailover='c'", "b.toml")

    assert RESOURCES["mailbox"].get(handles, admin, "b")["active"] is False


def test_an_export_holds_everything_but_secrets(handles: Handles, admin: Actor, tmp_path: Path) -> None:
    import_text(handles, admin, EXAMPLE + FORWARD, "work.toml")
    import_text(handles, admin, "[settings.listener]\npassword='kanarienvogel'", "b.toml")
    import_text(handles, admin, "[[mailbox]]\nname='a'\npassword={ref='env:HOME'}", "c.toml")

    text = export_text(handles, admin)

    assert "kanarienvogel" not in text
    assert text.count("# password: is set, and not exported") == 2
    assert tomllib.loads(text)["mailbox"][0]["password"] == {"ref": "env:HOME"}
    assert not config_text.diff(handles, admin, text, "export.toml")
    other = open_gateway(read_environment({}, home=str(tmp_path / "other")))
    import_text(other, admin, text, "export.toml")
    again = export_text(other, admin)
    other.close()
    assert tomllib.loads(again) == {**tomllib.loads(text), "settings": tomllib.loads(again)["settings"]}
    assert tomllib.loads(text)["settings"] == {**tomllib.loads(again)["settings"], "listener": {}}


def test_an_inbox_is_exported_with_its_mailbox_and_comes_back(handles: Handles, admin: Actor, tmp_path: Path) -> None:
    import_text(handles, admin, (
        "[[mailbox]]\nname='office'\ntemplate='Gmail SMTP Relay'\nusername='u@example.org'\nread_inbox=true\n"
        "[[account]]\nname='office'\ndispatching='queue'\nqueue='Junk'\ntype='IMAPS'\nhost='imap.gmail.com'\n"
        "username='u@example.org'"
    ), "a.toml")  # fmt: skip
    text = export_text(handles, admin)

    other = open_gateway(read_environment({}, home=str(tmp_path / "other")))
    import_text(other, admin, text, "export.toml")
    values = RESOURCES["account"].get(other, admin, "office")
    other.close()

    assert (values["queue"], values["host"]) == ("Junk", "imap.gmail.com")


def test_import_writes_the_audit_log_without_secrets(handles: Handles, admin: Actor) -> None:
    import_text(handles, admin, EXAMPLE, "work.toml")

    rows = matching(handles, admin, AUDIT).rows
    assert [(row["verb"], row["kind"], row["name"]) for row in rows[::-1]] == [
        ("add", "queue", "Support"), ("add", "account", "support"), ("add", "filter", "010 spam"),
    ]  # fmt: skip
    assert rows[1]["after"]["password"] == "****"
    assert "kanarienvogel" not in str(rows)


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
def test_configuration_is_for_super_security_admins(handles: Handles, role: Role) -> None:
    other = Actor("otto", "h", role)

    with pytest.raises(NotPermitted):
        import_text(handles, other, "", "work.toml")
    with pytest.raises(NotPermitted):
        export_text(handles, other)


def test_a_password_that_changed_is_a_difference_that_does_not_show(
    handles: Handles, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_text(handles, admin, EXAMPLE, "work.toml")
    monkeypatch.setenv("SUPPORT_PASSWORD", "another")

    assert [str(one) for one in config_text.diff(handles, admin, EXAMPLE, "w.toml")] == [
        '~ account "support": password: – → ****'
    ]


PROMISED = {
    "template": (
        "name smtp_host smtp_port smtp_auth smtp_security fallback fallback_port fallback_security ehlo_name tls_ca "
        "tls_fingerprint incoming_type incoming_host incoming_port inbox_folder comment"
    ),
    "mailbox": (
        "name template active read_inbox default_sender force_from subject_prefix bcc username password profile "
        "refresh_token failover mime_script priority from_filter rate_per_minute max_size return_path comment"
    ),
    "account": (
        "name type host port username password address profile refresh_token folders trusted dispatching queue validity "
        "record_type priority interval after_fetch move_to mark_seen start_from idle tls_ca tls_fingerprint "
        "max_messages max_size comment"
    ),
    "profile": (
        "name provider method client_id client_secret secret_expires tenant_id auth_url token_url device_url scopes"
    ),
    "queue": "name validity closed address comment",
    "address": "address queue display_name validity",
    "filter": "name stop match set",
    "handoff": "name command url secret queues types active",
}


def test_the_keys_are_those_that_are_promised() -> None:
    keys = {kind.name: {field.name for field in kind.fields} for kind in CONFIGURED}

    assert keys == {kind: set(names.split()) for kind, names in PROMISED.items()}


def test_no_secret_is_among_the_values_that_are_read() -> None:
    read = read_text(EXAMPLE, "work.toml")
    secrets = [field for kind in CONFIGURED for field in kind.fields if field.type is FieldType.SECRET]

    assert "kanarienvogel" not in repr(read)
    assert len(secrets) == 6
