"""Every command of docs/incoming.md, in its order, on a server of this machine."""

from itertools import count
from pathlib import Path

import pytest

from tests.accounts import message
from tests.cli.conftest import Shell
from tests.cli.page_reader import Name, PageReader, commands_of
from tests.pages import blocks, page
from tests.servers.certificates import Certificates
from tests.servers.dovecot import DovecotServer

PAGE = page("incoming")
COMMANDS = [line for block in blocks(PAGE, "sh") for line in commands_of(block)]
OURS = "help@example.org"
"""One of our addresses, on the page; what it writes by itself makes no record."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files that the page speaks of."""
    (tmp_path / "letter.eml").write_bytes(message(1, "Subject: Printer on fire"))
    (tmp_path / "other.eml").write_bytes(message(2))
    (tmp_path / "mended.eml").write_bytes(message(3))
    (tmp_path / "archive.mbox").write_bytes(b"From a@example.org Fri Nov 20 21:04:10 2026\n" + message(4) + b"\n")
    (tmp_path / "filters.toml").write_text(next(text for text in blocks(PAGE, "toml") if "010 spam" in text))
    return tmp_path


class Held:
    """What the page calls 17: a message that is in quarantine, where it is the one before as long as that is there."""

    def __init__(self, shell: Shell, folder: Path) -> None:
        self._shell = shell
        self._letter = folder / "our own.eml"
        self._numbers = count(100)

    def __call__(self) -> str:
        if not self._shell.ok("list", "quarantine", "--json").rows:
            self._letter.write_bytes(message(next(self._numbers), "Auto-Submitted: auto-replied", sender=OURS))
            self._shell.ok("intake", str(self._letter), "--account", "support")
        (row,) = self._shell.ok("list", "quarantine", "--json").rows
        return str(row["id"])


def delivery(shell: Shell, folder: Path) -> str:
    """What the page calls 812: something that waits for a receiver."""
    (folder / "new.eml").write_bytes(message("new"))
    shell.ok("intake", str(folder / "new.eml"), "--account", "support")
    return str(shell.ok("list", "delivery", "--json").rows[0]["id"])


def test_every_command_on_the_page_works_in_its_order(
    postroom: Shell, dovecot: DovecotServer, certificates: Certificates, folder: Path
) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(50, "Subject: Printer on fire"), message(51), message(52)])
    postroom.variables["CRM_SECRET"] = "s3cret"
    names: dict[str, Name] = {
        "host=imap.example.org username=support@example.org": (
            f"host=localhost port={dovecot.ports.imaps} username={user} tls_ca={certificates.good.authority}"
        ),
        '"$PASSWORD"': "secret",
        "/tmp": str(folder),
        "2026112010000042": lambda: str(postroom.ok("list", "record", "--json").rows[0]["number"]),
        "17": Held(postroom, folder),
        "812": lambda: delivery(postroom, folder),
        **{path.name: str(path) for path in folder.iterdir()},
    }
    reader = PageReader(postroom, names)
    ended = {line: reader.run(line) for line in COMMANDS}
    assert [one for one in ended.items() if one[1].code] == []

    def told(words: str) -> str:
        return next(one.out for line, one in ended.items() if line.startswith(f"postroom {words}"))

    assert "3 to take in" in told("fetch support --dry-run")
    assert ": 3 taken in" in told("fetch support  ")
    assert OURS in told("raw 17 --original")
    assert "Printer on fire" in told("where printer on fire")
    assert '"stage": "loop guard"' in told("raw 17 |")
    assert {row["state"] for row in postroom.ok("list", "delivery", "--json").rows} == {
        "failed"
    }  # given up, by a person
