"""The first ten minutes of README.md, in their order, on servers of this machine."""

import re

from tests.accounts import message
from tests.cli.conftest import ROOT, Shell
from tests.cli.page_reader import PageReader, commands_of
from tests.servers.certificates import Certificates
from tests.servers.dovecot import DovecotServer
from tests.servers.smtp import RuledSink
from tui.cli.commands import PLACES
from tui.demo.sink import Security

PAGE = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## The first ten minutes")[2].partition("\n## ")[0]
COMMANDS = [
    line
    for block in re.findall(r"^```\n(.*?)^```", SECTION, re.DOTALL | re.MULTILINE)
    for line in commands_of(block)
    if "postroom " in line
]
USER = "support@example.org"


def test_the_commands_work_in_their_order(postroom: Shell, dovecot: DovecotServer, certificates: Certificates) -> None:
    user, authority = dovecot.fresh_user(), certificates.good.authority
    dovecot.deliver(user, [message(number, "Subject: Your invoice") for number in range(40)])
    with RuledSink(Security.STARTTLS, certificates.good, {USER: "canary-8c1"}) as relay:
        reader = PageReader(
            postroom,
            {
                # A password is asked for at a terminal, and this is none.
                "host=imap.example.org username=support@example.org": (
                    f"--password-stdin host=localhost port={dovecot.ports.imaps} username={user} tls_ca={authority} "
                ),
                "smtp_host=smtp.example.org": f"smtp_host=localhost smtp_port={relay.port} tls_ca={authority}",
                "template=relay": "--password-stdin template=relay",
                "2026112010000036": lambda: postroom.ok("list", "record", "--json").rows[4]["number"],
                "postroom --worker": "postroom --worker --once",
            },
        )
        passwords = {"add account": "secret", "add mailbox": "canary-8c1"}
        ended = {}
        for line in COMMANDS:
            given = next((word for named, word in passwords.items() if named in line), "")
            ended[line] = reader.run(f"printf '{given}\\n' | {line}" if given else line)
    assert [one for one in ended.items() if one[1].code] == []
    assert [mail.recipients for mail in relay.deliveries] == [("you@example.org",)]
    tested = next(one.out for line, one in ended.items() if line.endswith("test account support"))
    assert [line.split()[:2] for line in tested.splitlines()] == [
        line.split()[:2] for line in re.findall(r"^ok .*$", SECTION, re.MULTILINE)
    ]
    assert "40 messages, oldest" in tested
    assert next(one.out for line, one in ended.items() if "list record" in line).count("Your invoice") == 40


def test_what_the_page_names_are_commands() -> None:
    assert set(re.findall(r"`postroom ([a-z]+)", PAGE)) <= {*PLACES, "send"}
    assert {line.partition("postroom ")[2].split()[0] for line in COMMANDS} <= {*PLACES, "send", "--worker"}
