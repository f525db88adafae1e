"""Every command of the smaller pages, in its order, on servers of this machine: tests, an older gateway, bounces."""

from pathlib import Path

from core import clock
from core.environment import read_environment
from core.gateway import open_gateway
from core.outbox.suppression import note_hard_bounces
from tests.accounts import message
from tests.cli.conftest import Ended, Shell
from tests.cli.page_reader import Name, PageReader, commands_of
from tests.pages import blocks, page
from tests.servers.certificates import Certificates
from tests.servers.dovecot import DovecotServer
from tests.servers.smtp import RuledSink
from tui.demo.sink import Security

PASSWORD = "canary-2f7"


def read(name: str, shell: Shell, names: dict[str, Name], files: dict[str, bytes]) -> list[tuple[str, Ended]]:
    reader = PageReader(shell, names, files)
    lines = [line for block in blocks(page(name), "sh") for line in commands_of(block)]
    return [(line, reader.run(line)) for line in lines]


def add_mailbox(shell: Shell, relay: RuledSink, authority: Path) -> None:
    where = ("smtp_host=localhost", f"smtp_port={relay.port}", f"tls_ca={authority}")
    shell.ok("add", "template", "Own relay", *where)
    mailbox = ("template=Own relay", "username=relay", "default_sender=a@example.org", "--password-stdin")
    shell.ok("add", "mailbox", "support", *mailbox, stdin=PASSWORD.encode())


def test_the_commands_on_testing_a_connection(
    postroom: Shell, dovecot: DovecotServer, certificates: Certificates
) -> None:
    user, authority = dovecot.fresh_user(), certificates.good.authority
    where = ("type=IMAPS", "host=localhost", f"port={dovecot.ports.imaps}", f"username={user}", f"tls_ca={authority}")
    postroom.ok("add", "account", "support", *where, "--password-stdin", stdin=b"secret")
    with RuledSink(Security.STARTTLS, certificates.good, {"relay": PASSWORD}) as relay:
        add_mailbox(postroom, relay, authority)
        files = {"password.txt": PASSWORD.encode()}
        ended = read("test-connection", postroom, {"/etc/ssl/own-ca.pem": str(authority)}, files)
    assert [one for one in ended if one[1].code] == []
    steps = [line.split()[1] for line in ended[-1][1].out.splitlines()]
    assert steps == ["resolve", "connect", "greeting", "tls", "ehlo", "login", "mail_from", "rcpt_to", "data"]


def test_the_commands_on_bounces(postroom: Shell, dovecot: DovecotServer, certificates: Certificates) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(1)])
    where = ("type=IMAP", f"host={dovecot.host}", f"port={dovecot.ports.imap}", f"username={user}")
    postroom.ok("add", "account", "a", *where, "address=desk@example.org", "--password-stdin", stdin=b"secret")
    postroom.ok("fetch")
    postroom.ok("add", "template", "relay", "smtp_host=localhost")
    postroom.ok("add", "mailbox", "newsletter", "template=relay", "username=u", "--password-stdin", stdin=b"x")
    handles = open_gateway(read_environment(home=str(postroom.home)))
    for _ in range(2):
        bounced = [("bob@example.net", "5.1.1 gone")]
        handles.database.writing(lambda session, said=bounced: note_hard_bounces(session, said, clock.utcnow()))
    handles.close()
    number = postroom.ok("list", "record", "--json").rows[0]["number"]
    ended = read("bounces", postroom, {"2026112010000042": number}, {})
    assert [one for one in ended if one[1].code] == []
    assert "bob@example.net" in dict(ended)["postroom list suppression"].out
    assert postroom.ok("list", "outbox", "--json").rows[0]["subject"] == f"Re: [Ticket#{number}] Message 1"


def test_the_commands_on_an_older_gateway(postroom: Shell, certificates: Certificates, tmp_path: Path) -> None:
    with RuledSink(Security.STARTTLS, certificates.good, {"gateway@example.org": "s3cret"}) as relay:
        old = tmp_path / "old.properties"
        old.write_text(
            f"host = localhost\nport = {relay.port}\nstarttls = true\nuser = gateway@example.org\npassword = s3cret\n"
        )
        ended = read("migration", postroom, {"old.properties": str(old)}, {})
    (_, tried), (_, imported), (_, tested) = ended
    assert (tried.code, imported.code, tested.code) == (0, 0, 78)
    assert "unknown authority" in tested.out  # as everywhere: a CA of one's own is set by hand
