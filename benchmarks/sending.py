"""How fast queued messages leave: the whole pass, durable, beside smtplib on one connection that only talks.

    python -m benchmarks.sending [--messages 5000] [--size 4096] [--couriers 4] [--postgres]

Both send to Postfix's smtp-sink on loopback, in turns, so that what the machine does meanwhile falls on both.
"""

from __future__ import annotations

import argparse
import smtplib
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlmodel import Session

from core import clock
from core.environment import read_environment
from core.gateway import open_gateway
from core.handles import Handles
from core.mail.envelope import OutgoingEnvelope
from core.models import Mailbox, MailboxStatus, Template
from core.outbound.deliver import deliver_due
from core.outbox.enqueue import enqueue_many
from core.outbox.entry import read_entry
from tests.servers.postgres import Postgres
from tests.servers.smtp_sink_postfix import PostfixSink

SENDER, RECIPIENT = "alice@example.org", "bob@example.net"


def main() -> None:
    wanted = _wanted()
    with _handles(on_postgres=wanted.postgres) as handles, PostfixSink() as sink:
        _add_mailbox(handles, sink)
        for number in range(wanted.rounds):
            print(f"round {number + 1}:")
            _enqueue(handles, wanted)
            _deliver(handles, wanted, sink)
            _smtplib(wanted, sink)


def _wanted() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--couriers", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--postgres", action="store_true")
    return parser.parse_args()


def _enqueue(handles: Handles, wanted: argparse.Namespace) -> None:
    began = time.perf_counter()
    envelope = OutgoingEnvelope((RECIPIENT,), SENDER, notify=False)
    enqueue_many(handles, [read_entry(envelope, _mail(number, wanted.size)) for number in range(wanted.messages)])
    _say("enqueued, durable", wanted.messages, time.perf_counter() - began)


def _deliver(handles: Handles, wanted: argparse.Namespace, sink: PostfixSink) -> None:
    before = sink.messages
    began, cpu = time.perf_counter(), time.process_time()
    summary = deliver_due(handles, couriers=wanted.couriers)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    assert summary.sent == wanted.messages, summary
    assert sink.messages - before == wanted.messages
    _say("sent by a pass, results durable", wanted.messages, seconds, cpu)


def _smtplib(wanted: argparse.Namespace, sink: PostfixSink) -> None:
    mails = [_mail(number, wanted.size) for number in range(wanted.messages)]
    began, cpu = time.perf_counter(), time.process_time()
    with smtplib.SMTP(sink.host, sink.port) as connection:
        for mail in mails:
            connection.sendmail(SENDER, [RECIPIENT], mail)
    _say(
        "smtplib, one connection, nothing kept", wanted.messages, time.perf_counter() - began, time.process_time() - cpu
    )


def _say(what: str, messages: int, seconds: float, cpu: float | None = None) -> None:
    per_message = f", CPU {cpu / messages * 1e6:.0f} µs a message" if cpu is not None else ""
    print(f"  {what}: {messages / seconds:,.0f} a second ({seconds:.2f} s{per_message})")


def _mail(number: int, size: int) -> bytes:
    message_id = f"<{number}.{time.time_ns()}@example.org>"
    header = f"From: {SENDER}\r\nTo: {RECIPIENT}\r\nSubject: number {number}\r\nMessage-ID: {message_id}\r\n\r\n"
    line = b"The quick brown fox jumps over the lazy dog, again and again and again.\r\n"
    body = line * (max(0, size - len(header)) // len(line) + 1)
    return header.encode() + body[: max(0, size - len(header) - 2)] + b"\r\n"


@contextmanager
def _handles(*, on_postgres: bool) -> Iterator[Handles]:
    with tempfile.TemporaryDirectory() as home:
        if not on_postgres:
            handles = open_gateway(read_environment({}, home=home))
            yield handles
            handles.close()
            return
        with Postgres(durable=True) as server:
            handles = open_gateway(read_environment({}, home=home, database_url=server.create_database()))
            yield handles
            handles.close()


def _add_mailbox(handles: Handles, sink: PostfixSink) -> None:
    now = clock.utcnow()
    template = Template(
        name="sink",
        smtp_host=sink.host,
        smtp_port=sink.port,
        smtp_security="none",
        smtp_auth=False,
        created_at=now,
        updated_at=now,
    )

    def add(session: Session) -> None:
        session.add(template)
        session.flush()
        mailbox = Mailbox(name="sink", template_id=template.id, created_at=now, updated_at=now)
        session.add(mailbox)
        session.flush()
        session.add(MailboxStatus(mailbox_id=mailbox.id))

    handles.database.writing(add)


if __name__ == "__main__":
    main()
