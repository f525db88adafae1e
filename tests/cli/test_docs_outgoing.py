"""Every command of docs/outgoing.md, in its order, on servers of this machine."""

import re
from collections.abc import Iterator

import pytest

from core import clock
from tests.cli.conftest import Shell
from tests.cli.page_reader import PageReader
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


def waiting(shell: Shell) -> str:
    """A message that is still to be sent; the page calls it 17."""
    rows = shell.ok("list", "outbox", "--json").rows
    return str(min(row["id"] for row in rows if row["state"] in {"queued", "held", "deferred"}))


def test_every_command_on_the_page_works_in_its_order(
    postroom: Shell, relay: Postman, certificates: Certificates, dovecot: DovecotServer
) -> None:
    reader = PageReader(
        postroom,
        {
            "smtp_host=relay.example.org smtp_port=587": (
                f"smtp_host=localhost smtp_port={relay.port} tls_ca={certificates.good.authority}"
            ),
            '"$PASSWORD"': PASSWORD,
            "17": lambda: waiting(postroom),
            "2027-01-31T08:00": f"{clock.utcnow().year + 1}-01-31T08:00",
        },
        {"letter.eml": LETTER, "password.txt": f"{PASSWORD}\n".encode()},
    )
    user = next(name for name in relay.users if name not in USERS)
    given = (f"host={dovecot.host}", f"port={dovecot.ports.imap}", f"username={user}", "address=inbox@example.org")
    postroom.ok("add", "account", "inbox", "type=IMAP", *given, "--password-stdin", stdin=b"secret\n")
    ended = [(line, reader.run(line)) for line in COMMANDS]
    assert [one for one in ended if one[1].code] == []
    route = dict(ended)["postroom route --from desk@example.org --to customer@example.net --down desk"].out
    assert route.startswith("1. spare")
    sent = postroom.ok("list", "outbox", "state:sent", "--json").rows
    assert [row["mailbox"] for row in sent] == ["sales", "desk"]  # newest first; what is for next year waits
    assert [mail.user for mail in relay.deliveries if b"Subject: Order" in mail.raw] == [
        "desk@example.org", "sales@example.org",
    ]  # fmt: skip


def test_the_words_on_the_page_are_commands() -> None:
    assert set(re.findall(r"postroom ([a-z]+)", " ".join(re.findall(r"`[^`]+`", PAGE)))) <= {*PLACES, "send"}
