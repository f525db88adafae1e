"""Every command of docs/outgoing.md, in its order, on servers of this machine."""

import re
import shlex
from collections.abc import Iterator

import pytest

from tests.cli.conftest import Ended, Shell
from tests.pages import blocks, page
from tests.servers.certificates import Certificates
from tests.servers.dovecot import DovecotServer
from tests.servers.postman import Postman
from tui.cli.commands import PLACES
from tui.demo.sink import Security

PAGE = page("outgoing")
COMMANDS = [line for block in blocks(PAGE, "sh") for line in block.splitlines()]
LETTER = b"From: desk@example.org\nTo: customer@example.net\nSubject: Order\n\nIt is on its way.\n"
PASSWORD = "canary-5a5"
USERS = dict.fromkeys(("desk@example.org", "sales@example.org", "spare@example.org", "somebody@example.org"), PASSWORD)


@pytest.fixture
def relay(dovecot: DovecotServer, certificates: Certificates) -> Iterator[Postman]:
    """A relay that delivers to one Dovecot user, whose password is `user`'s."""
    user = dovecot.fresh_user()

    def hand_on(mail: object) -> None:
        dovecot.deliver(user, [getattr(mail, "raw", b"")])

    with Postman(hand_on, Security.STARTTLS, certificates.good, USERS) as relay:
        relay.users[user] = "secret"
        yield relay


class Reader:
    """Runs lines of the page as a shell would, with the names of this machine in place of the examples'."""

    def __init__(self, shell: Shell, relay: Postman, certificates: Certificates) -> None:
        self._shell = shell
        self._names = {
            "smtp_host=relay.example.org smtp_port=587": (
                f"smtp_host=localhost smtp_port={relay.port} tls_ca={certificates.good.authority}"
            )
        }

    def run(self, line: str) -> Ended:
        for name, here in self._names.items():
            line = line.replace(name, here)
        stdin = b""
        if " | " in line:
            assert line.startswith("printf '%s\\n' \"$PASSWORD\" | ")
            stdin, line = f"{PASSWORD}\n".encode(), line.partition(" | ")[2]
        if " < " in line:
            line, _, file = line.partition(" < ")
            stdin = LETTER if file == "letter.eml" else f"{PASSWORD}\n".encode()
        program, *words = shlex.split(line)
        assert program == "postroom"
        if "17" in words:
            words[words.index("17")] = str(self._waiting())
        return self._shell(*words, stdin=stdin)

    def _waiting(self) -> int:
        """A message that is still to be sent; the page calls it 17."""
        rows = self._shell.ok("list", "outbox", "--json").rows
        return int(min(row["id"] for row in rows if row["state"] in {"queued", "held", "deferred"}))


def test_every_command_on_the_page_works_in_its_order(
    postroom: Shell, relay: Postman, certificates: Certificates, dovecot: DovecotServer
) -> None:
    reader = Reader(postroom, relay, certificates)
    user = next(name for name in relay.users if name not in USERS)
    given = (f"host={dovecot.host}", f"port={dovecot.ports.imap}", f"username={user}", "address=inbox@example.org")
    postroom.ok("add", "account", "inbox", "type=IMAP", *given, "--password-stdin", stdin=b"secret\n")
    ended = [(line, reader.run(line)) for line in COMMANDS]
    assert [one for one in ended if one[1].code] == []
    route = dict(ended)["postroom route --from desk@example.org --to customer@example.net --down desk"].out
    assert route.startswith("1. spare")
    sent = postroom.ok("list", "outbox", "state:sent", "--json").rows
    assert [row["mailbox"] for row in sent] == ["sales", "desk"]  # newest first; what is for 2027 waits
    assert [mail.user for mail in relay.deliveries if b"Subject: Order" in mail.raw] == [
        "desk@example.org", "sales@example.org",
    ]  # fmt: skip


def test_the_words_on_the_page_are_commands() -> None:
    assert set(re.findall(r"postroom ([a-z]+)", " ".join(re.findall(r"`[^`]+`", PAGE)))) <= {*PLACES, "send"}
