"""What commands are tried on: letters, a mailbox at a sink, servers that hesitate in the middle of the work."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.accounts import message
from tests.cli.conftest import Shell
from tests.fakes.holding import holding
from tests.fakes.imap import ScriptedImap
from tests.fakes.steps import Command, Reply
from tests.servers.smtp import RuledSink
from tests.waiting import PATIENCE, until
from tui.demo.ledger import Delivered


@dataclass
class Hesitant:
    """A server that stops in the middle, until it may go on."""

    is_asked: threading.Event = field(default_factory=threading.Event)
    may_go_on: threading.Event = field(default_factory=threading.Event)
    mails: dict[int, bytes | None] = field(default_factory=dict)
    """What is on it."""

    def hesitate(self) -> None:
        self.is_asked.set()
        self.may_go_on.wait(PATIENCE)


@contextmanager
def hesitant_account(shell: Shell) -> Iterator[Hesitant]:
    """An account of 300 messages, to be deleted on a server that hesitates before it gives any."""
    server = Hesitant(mails={number: message(number) for number in range(1, 301)})
    script = holding(server.mails)
    bodies = script["UID FETCH"]

    def slowly(command: Command) -> Reply:
        if "BODY.PEEK" in command.text:
            server.hesitate()
        return bodies(command)

    with ScriptedImap({**script, "UID FETCH": slowly}) as imap:
        where = ("type=IMAP", f"host={imap.host}", f"port={imap.port}", "username=u", "after_fetch=delete")
        shell.ok("add", "account", "slow", *where, "--password-stdin", stdin=b"secret\n")
        yield server
        server.may_go_on.set()


def hesitant_relay(shell: Shell, sink: RuledSink, monkeypatch: pytest.MonkeyPatch) -> Hesitant:
    """A mailbox with 30 messages for a relay that takes each and hesitates to say so."""
    relay, keep = Hesitant(), sink.keep

    def slowly(delivered: Delivered) -> None:
        keep(delivered)
        relay.hesitate()

    monkeypatch.setattr(sink, "keep", slowly)
    add_mailbox(shell, sink.port)
    for number in range(30):
        shell.ok("send", "ada@example.org", stdin=message(number))
    return relay


def add_mailbox(shell: Shell, port: int, name: str = "main", *words: str) -> None:
    """A mailbox, and a template for a relay of this machine."""
    template = ["smtp_host=127.0.0.1", f"smtp_port={port}", "smtp_security=none", "smtp_auth=false"]
    shell.ok("add", "template", f"{name} relay", *template)
    shell.ok("add", "mailbox", name, f"template={name} relay", "default_sender=us@example.com", *words)


def wait_for_worker(shell: Shell) -> None:
    """Wait until a worker has begun."""
    until(lambda: bool(shell.ok("list", "worker", "--json").rows))


def mail(number: int, subject: str = "Printer") -> bytes:
    """A letter that makes a record."""
    return (
        f"From: Ada <ada@example.org>\r\nTo: help@example.com\r\nSubject: {subject} {number}\r\n"
        f"Message-ID: <{number}@example.org>\r\n\r\nIt burns.\r\n"
    ).encode()
