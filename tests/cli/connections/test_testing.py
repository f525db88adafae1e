"""`postroom test`, and what is said where one is missing."""

from pathlib import Path

import pytest

from core.protocols.probe import Step
from tests.cli.conftest import AddAccount, Shell
from tests.cli.furnished import add_mailbox
from tests.servers.dovecot import DovecotServer
from tests.servers.postman import Postman
from tests.servers.smtp import Phase, RuledSink
from tui.cli.connections.testing import exit_code_of


@pytest.fixture
def mailbox(postroom: Shell, smtp_sink: RuledSink) -> Shell:
    """A mailbox `main` on a relay."""
    port = f"smtp_port={smtp_sink.port}"
    postroom.ok("add", "template", "T", "smtp_host=127.0.0.1", port, "smtp_security=none", "smtp_auth=false")
    postroom.ok("add", "mailbox", "main", "template=T", "default_sender=a@example.org")
    return postroom


def test_a_failed_step_names_its_cause(mailbox: Shell, smtp_sink: RuledSink) -> None:
    smtp_sink.rule(Phase.RCPT, "554 5.7.1 Relay access denied")

    ended = mailbox("test", "mailbox", "main", "--json")

    assert ended.code == 78
    assert list(ended.rows[-1]) == ["step", "ok", "ms", "detail", "cause"]
    assert ended.rows[-1]["cause"] == "relay denied"


@pytest.mark.parametrize("phase", [Phase.MAIL, Phase.RCPT, Phase.DATA])
def test_a_refusal_for_now_says_to_try_again_later(mailbox: Shell, smtp_sink: RuledSink, phase: Phase) -> None:
    smtp_sink.rule(phase, "451 4.7.1 Please try again later")
    assert mailbox("test", "mailbox", "main").code == 75
    smtp_sink.clear_rules()
    smtp_sink.rule(phase, "550 5.7.1 No")
    assert mailbox("test", "mailbox", "main").code == 78


def test_a_server_that_cannot_check_a_login_has_not_refused_it(mailbox: Shell) -> None:
    with RuledSink(users={"u": "secret"}) as relay:
        relay.rule(Phase.AUTH, "454 4.7.0 Temporary authentication failure")
        mailbox.ok("set", "template", "T", f"smtp_port={relay.port}", "smtp_auth=true")
        mailbox.ok("set", "mailbox", "main", "username=u", "--password-stdin", stdin=b"secret\n")

        assert mailbox("test", "mailbox", "main").code == 69


def test_values_are_tried_before_they_are_saved(mailbox: Shell, smtp_sink: RuledSink) -> None:
    tried = mailbox.ok("test", "mailbox", "other", "template=T", "default_sender=b@example.org")
    assert "It works with these values" in tried.err
    assert mailbox("show", "mailbox", "other").code == 67

    mailbox.ok("test", "mailbox", "main", "default_sender=b@example.org")
    assert mailbox.ok("show", "mailbox", "main", "--json").rows[0]["default_sender"] == "a@example.org"


def test_the_dialogue_is_shown_without_its_secrets(mailbox: Shell) -> None:
    with RuledSink(users={"u": "canary-5a5"}) as relay:
        mailbox.ok("set", "template", "T", f"smtp_port={relay.port}", "smtp_auth=true")
        words = ("test", "mailbox", "main", "username=u", "--password-stdin", "--debug")
        ended = mailbox.ok(*words, stdin=b"canary-5a5\n")
    assert "> MAIL FROM:<a@example.org>" in ended.err
    assert "< 235" in ended.err
    assert "canary-5a5" not in ended.err + ended.out


def test_what_is_saved_without_a_test_is_pointed_out(mailbox: Shell, tmp_path: Path) -> None:
    hint = "Mailbox main is not tested: postroom test mailbox main"
    assert hint in mailbox.ok("set", "mailbox", "main", "default_sender=b@example.org").err
    mailbox.ok("test", "mailbox", "main")
    assert "not tested" not in mailbox.ok("set", "mailbox", "main", "priority=3").err
    by_id = mailbox.ok("show", "mailbox", "main", "--json").rows[0]["id"]
    assert hint in mailbox.ok("set", "mailbox", str(by_id), "username=u").err
    assert "not tested" not in mailbox.ok("set", "mailbox", "main", "username=v", "--quiet").err
    mailbox.ok("test", "mailbox", "main")
    assert "not tested" not in mailbox.ok("set", "template", "T", "comment=c").err
    assert hint in mailbox.ok("set", "template", "T", "ehlo_name=client.example.org").err
    assert "a b is not tested: postroom test mailbox 'a b'" in mailbox.ok("add", "mailbox", "a b", "template=T").err

    file = tmp_path / "work.toml"
    file.write_text('[[mailbox]]\nname = "new"\ntemplate = "T"\n')
    assert "not tested" not in mailbox.ok("config", "import", str(file), "--dry-run").err
    assert "Mailbox new is not tested" in mailbox.ok("config", "import", str(file)).err
    assert "not tested" not in mailbox.ok("config", "import", str(file)).err


def test_a_round_trip_is_told_step_by_step(postroom: Shell, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    with Postman(lambda mail: dovecot.deliver(user, [mail.raw])) as relay:
        server = ("smtp_host=127.0.0.1", f"smtp_port={relay.port}", "smtp_security=none", "smtp_auth=false")
        postroom.ok("add", "template", "T", *server)
        postroom.ok("add", "mailbox", "out", "template=T", "default_sender=a@example.org")
        given = ("type=IMAP", f"host={dovecot.host}", f"port={dovecot.ports.imap}", f"username={user}")
        more = ("address=in@example.org", "after_fetch=delete", "--password-stdin")
        postroom.ok("add", "account", "in", *given, *more, stdin=b"secret\n")

        steps = postroom.ok("test", "roundtrip", "out", "in", "--json").rows
        assert [step["step"] for step in steps] == ["watch", "connect", "sent", "arrived", "removed"]
        assert [list(step) for step in steps] == [["step", "ok", "ms", "detail"]] * 5

        relay.rule(Phase.RCPT, "550 5.1.1 User unknown")
        assert postroom("test", "roundtrip", "out", "in").code == 78
        relay.clear_rules()
        relay.rule(Phase.MAIL, "451 4.3.0 Later")
        assert postroom("test", "roundtrip", "out", "in").code == 75
        postroom.ok("set", "account", "in", "--password-stdin", stdin=b"wrong\n")
        assert postroom("test", "roundtrip", "out", "in").code == 77
    assert postroom("test", "roundtrip", "out").code == 64
    assert postroom("test", "roundtrip", "out", "nowhere").code == 67
    assert postroom("test", "roundtrip", "out", "in", "--within", "soon").code == 64


def test_a_probe_that_is_not_seen_in_time_may_still_come(postroom: Shell, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    with RuledSink() as relay:
        server = ("smtp_host=127.0.0.1", f"smtp_port={relay.port}", "smtp_security=none", "smtp_auth=false")
        postroom.ok("add", "template", "T", *server)
        postroom.ok("add", "mailbox", "out", "template=T", "default_sender=a@example.org")
        given = ("type=IMAP", f"host={dovecot.host}", f"port={dovecot.ports.imap}", f"username={user}")
        postroom.ok("add", "account", "in", *given, "address=in@example.org", "--password-stdin", stdin=b"secret\n")
        ended = postroom("test", "roundtrip", "out", "in", "--within", "1s", "--json")
    assert ended.code == 75
    assert (ended.rows[-1]["step"], ended.rows[-1]["ok"]) == ("arrived", False)


def test_a_test_tells_each_step(postroom: Shell, add_account: AddAccount, smtp_sink: RuledSink) -> None:
    add_account("work")
    steps = postroom.ok("test", "account", "work", "--json").rows
    assert [list(step) for step in steps] == [["step", "ok", "ms", "detail"]] * len(steps)
    assert {"resolve", "connect", "tls", "login"} <= {step["step"] for step in steps}
    add_mailbox(postroom, smtp_sink.port)
    postroom.ok("test", "mailbox", "main")
    assert smtp_sink.deliveries == []


@pytest.mark.parametrize(
    ("words", "password", "code"),
    [(["host=no-such-host.invalid"], "secret", 69), ([], "wrong", 77), (["tls_ca="], "secret", 78)],
)
def test_a_test_that_fails_tells_why_by_its_code(
    postroom: Shell, add_account: AddAccount, words: list[str], password: str, code: int
) -> None:
    add_account("work", *words, password=password)
    ended = postroom("test", "account", "work", "--json")
    assert ended.code == code, ended
    assert [step["ok"] for step in ended.rows][-1] is False


@pytest.mark.parametrize(
    ("step", "ok", "code"),
    [
        ("login", True, 0),
        ("resolve", False, 69),
        ("connect", False, 69),
        ("greeting", False, 69),
        ("tls", False, 78),
        ("login", False, 77),
        ("folder", False, 78),
        ("mail_from", False, 78),
    ],
)
def test_the_code_of_a_step(step: str, ok: bool, code: int) -> None:
    assert exit_code_of(Step(step, ok, 1.0, "")) == code
