"""How fast an urgent message leaves while 100,000 bulk ones wait, every reply is slow and the rate is used up.

    python -m benchmarks.overtaking [--bulk 100000] [--delay 0.5] [--rate 1000] [--urgent 5]

A worker process sends; each urgent message is handed in with `postroom send` into the drop folder, as a program would.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field

from sqlmodel import Session

from core import clock
from core.environment import read_environment
from core.gateway import open_gateway
from core.handles import Handles
from core.mail.envelope import OutgoingEnvelope
from core.models import Mailbox, MailboxStatus, Template
from core.outbox.enqueue import enqueue_many
from core.outbox.entry import read_entry

REPLIES_NEW = 6
"""Greeting, EHLO, MAIL, RCPT, DATA, which the relay gives one after the other; the dot's comes after it was taken."""


@dataclass
class Relay:
    """The slow relay, and when it took which subject."""

    process: subprocess.Popen[str]
    taken: dict[str, float] = field(default_factory=dict)
    bulk: int = 0
    came: threading.Condition = field(default_factory=threading.Condition)

    def listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            at, _, subject = line.partition(" ")
            with self.came:
                self.bulk += subject.startswith("bulk")
                self.taken[subject.strip()] = float(at)
                self.came.notify_all()


def main() -> None:
    wanted = _wanted()
    command = [sys.executable, "-m", "benchmarks.slow_relay", str(wanted.delay)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    relay = Relay(process)
    port = int(process.stdout.readline())
    threading.Thread(target=relay.listen, daemon=True).start()
    try:
        with tempfile.TemporaryDirectory() as home:
            _run(wanted, relay, home, port)
    finally:
        process.kill()


def _wanted() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bulk", type=int, default=100_000)
    parser.add_argument("--delay", type=float, default=0.5, help="seconds before each reply")
    parser.add_argument("--rate", type=int, default=50, help="messages a minute")
    parser.add_argument("--urgent", type=int, default=5)
    return parser.parse_args()


def _run(wanted: argparse.Namespace, relay: Relay, home: str, port: int) -> None:
    handles = open_gateway(read_environment({}, home=home))
    _add_mailbox(handles, port, wanted.rate)
    began = time.monotonic()
    envelope = OutgoingEnvelope(("bob@example.net",), "alice@example.org", lane="bulk", notify=False)
    for start in range(0, wanted.bulk, 5000):
        count = min(5000, wanted.bulk - start)
        enqueue_many(handles, [read_entry(envelope, _mail(f"bulk {start + n}")) for n in range(count)])
    handles.close()
    print(f"{wanted.bulk} bulk messages wait ({time.monotonic() - began:.1f} s to put them there)")
    command = [sys.executable, "-m", "tui.cli", "--worker", "--only", "send"]
    worker = subprocess.Popen(command, env=_env(home), stderr=subprocess.DEVNULL)
    try:
        with relay.came:
            relay.came.wait_for(lambda: relay.bulk >= 8, timeout=120)
        for number in range(wanted.urgent):
            time.sleep(3)
            _send_urgent(wanted, relay, home, number)
    finally:
        worker.terminate()
        worker.wait(60)


def _send_urgent(wanted: argparse.Namespace, relay: Relay, home: str, number: int) -> None:
    subject, began = f"urgent {number}", time.time()
    command = [
        sys.executable,
        "-m",
        "tui.cli",
        "send",
        "--lane",
        "urgent",
        "-f",
        "alice@example.org",
        "bob@example.net",
    ]
    subprocess.run(command, input=_mail(subject), env=_env(home), check=True, stdout=subprocess.DEVNULL)
    handed_in = time.time()
    with relay.came:
        assert relay.came.wait_for(lambda: subject in relay.taken, timeout=60), f"{subject} did not leave"
    seconds = relay.taken[subject] - handed_in
    own = wanted.delay * (REPLIES_NEW - 1 if number == 0 else REPLIES_NEW - 3)
    print(
        f"{subject}: handed in within {handed_in - began:.2f} s, at the relay {seconds:.2f} s later, "
        f"of which {own:.1f} s were its own replies: {seconds - own:.2f} s; {relay.bulk} bulk messages so far",
        flush=True,
    )


def _env(home: str) -> dict[str, str]:
    import os

    return {**os.environ, "POSTROOM_HOME": home}


def _mail(subject: str) -> bytes:
    return (
        f"From: alice@example.org\r\nTo: bob@example.net\r\nSubject: {subject}\r\n"
        f"Message-ID: <{subject.replace(' ', '.')}.{time.time_ns()}@example.org>\r\n\r\nHello.\r\n"
    ).encode()


def _add_mailbox(handles: Handles, port: int, rate: int) -> None:
    now = clock.utcnow()
    template = Template(
        name="slow",
        smtp_host="127.0.0.1",
        smtp_port=port,
        smtp_security="none",
        smtp_auth=False,
        created_at=now,
        updated_at=now,
    )

    def add(session: Session) -> None:
        session.add(template)
        session.flush()
        mailbox = Mailbox(name="slow", template_id=template.id, rate_per_minute=rate, created_at=now, updated_at=now)
        session.add(mailbox)
        session.flush()
        session.add(MailboxStatus(mailbox_id=mailbox.id))

    handles.database.writing(add)


if __name__ == "__main__":
    main()
