"""How fast queued messages leave: whole passes, every result durable, beside smtplib and django-post-office.

    python -m benchmarks.sending [--messages 5000] [--size 4096] [--rounds 3] [--postgres]
                                 [--without django-post-office]

All send to Postfix's smtp-sink on loopback, in turns, so that what the machine does meanwhile falls on all; the ratios
are of one round, and the median of those is what counts. Postroom sends over four connections, as one worker process
and as two with two connections each; smtplib over one reused connection, keeping nothing; django-post-office with four
threads, its queue in SQLite, and only its send phase is timed. Then, how long `postroom send` takes, from start to end.
"""

from __future__ import annotations

import argparse
import json
import os
import smtplib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session

from benchmarks.opened import opened
from benchmarks.post_office import send_phase
from core import clock
from core.environment import Environment
from core.handles import Handles
from core.mail.envelope import OutgoingEnvelope
from core.models import Mailbox, MailboxStatus, Template
from core.outbox.enqueue import enqueue_many
from core.outbox.entry import read_entry
from tests.servers.smtp_sink_postfix import PostfixSink

SENDER, RECIPIENT = "alice@example.org", "bob@example.net"
CONNECTIONS = 4
STARTS = 20
"""Times that `postroom send` is started."""

ONE, TWO = "postroom, one process", "postroom, two processes"
SMTPLIB, POST_OFFICE = "smtplib, one connection", "django-post-office"


@dataclass(frozen=True)
class Took:
    """What one turn took."""

    seconds: float
    cpu: float


def main() -> None:
    wanted = _wanted()
    with ExitStack() as stack:
        handles = stack.enter_context(opened(on_postgres=wanted.postgres))
        sink = stack.enter_context(PostfixSink())
        _add_mailbox(handles, sink)
        senders = {
            ONE: stack.enter_context(_senders(handles.environment, 1)),
            TWO: stack.enter_context(_senders(handles.environment, 2)),
        }
        turns: dict[str, Callable[[], Took]] = {
            ONE: lambda: _postroom(handles, senders[ONE], wanted),
            SMTPLIB: lambda: _smtplib(wanted, sink),
            TWO: lambda: _postroom(handles, senders[TWO], wanted),
        }
        if POST_OFFICE not in wanted.without:
            turns[POST_OFFICE] = lambda: Took(*send_phase(sink.host, sink.port, wanted.messages, wanted.size))
        rounds = [_round(number, turns, wanted, sink) for number in range(wanted.rounds)]
    _compare(rounds, wanted)
    _start()


def _wanted() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--without", action="append", default=[], choices=[POST_OFFICE])
    return parser.parse_args()


def _round(
    number: int, turns: dict[str, Callable[[], Took]], wanted: argparse.Namespace, sink: PostfixSink
) -> dict[str, Took]:
    print(f"round {number + 1}:", flush=True)
    took: dict[str, Took] = {}
    for name, turn in turns.items():
        before = sink.messages
        took[name] = turn()
        assert sink.messages - before == wanted.messages, f"{name}: the sink took {sink.messages - before} messages"
        _say(name, wanted.messages, took[name])
    return took


def _compare(rounds: list[dict[str, Took]], wanted: argparse.Namespace) -> None:
    print("medians:")
    for name in rounds[0]:
        print(f"  {name}: {wanted.messages / statistics.median(each[name].seconds for each in rounds):,.0f} a second")
    for ours in (ONE, TWO):
        for other in (SMTPLIB, POST_OFFICE):
            if other in rounds[0]:
                ratio = statistics.median(each[other].seconds / each[ours].seconds for each in rounds)
                print(f"  {ours} / {other}: {ratio:.2f} times, pair by pair")


def _postroom(handles: Handles, senders: list[subprocess.Popen[str]], wanted: argparse.Namespace) -> Took:
    began = time.perf_counter()
    envelope = OutgoingEnvelope((RECIPIENT,), SENDER, notify=False)
    enqueue_many(handles, [read_entry(envelope, _mail(number, wanted.size)) for number in range(wanted.messages)])
    _say("enqueue_many, durable", wanted.messages, Took(time.perf_counter() - began, 0.0))
    began = time.perf_counter()
    for process in senders:
        _tell(process)
    outcomes = [_told(process) for process in senders]
    seconds = time.perf_counter() - began
    assert sum(outcome["sent"] for outcome in outcomes) == wanted.messages, outcomes
    return Took(seconds, sum(outcome["cpu"] for outcome in outcomes))


def _smtplib(wanted: argparse.Namespace, sink: PostfixSink) -> Took:
    mails = [_mail(number, wanted.size) for number in range(wanted.messages)]
    began, cpu = time.perf_counter(), time.process_time()
    with smtplib.SMTP(sink.host, sink.port) as connection:
        for mail in mails:
            connection.sendmail(SENDER, [RECIPIENT], mail)
    return Took(time.perf_counter() - began, time.process_time() - cpu)


def _start() -> None:
    """How long a program waits that hands one message to `postroom send`."""
    took = []
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "POSTROOM_HOME": home}
        for number in range(STARTS):
            began = time.perf_counter()
            words = [str(Path(sys.executable).with_name("postroom")), "send", "-f", SENDER, RECIPIENT]
            subprocess.run(words, input=_mail(number, 4096), env=environment, check=True, stdout=subprocess.DEVNULL)
            took.append(time.perf_counter() - began)
    median, worst = statistics.median(took) * 1000, max(took) * 1000
    print(f"postroom send, durable, process start included: {median:.0f} ms (median of {STARTS}; {worst:.0f} at most)")


def _say(what: str, messages: int, took: Took) -> None:
    per_message = f", CPU {took.cpu / messages * 1e6:.0f} µs a message" if took.cpu else ""
    print(f"  {what}: {messages / took.seconds:,.0f} a second ({took.seconds:.2f} s{per_message})", flush=True)


@contextmanager
def _senders(environment: Environment, count: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Workers that are there already, as in production; four connections between them."""
    variables = {
        **os.environ,
        "POSTROOM_HOME": str(environment.home),
        "POSTROOM_DATABASE_URL": environment.database_url,
    }
    words = [sys.executable, "-m", "benchmarks.sending_process", str(CONNECTIONS // count)]
    processes = [
        subprocess.Popen(words, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        yield processes
    finally:
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(30)


def _tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def _told(process: subprocess.Popen[str]) -> dict[str, float]:
    assert process.stdout is not None
    outcome: dict[str, float] = json.loads(process.stdout.readline())
    return outcome


def _mail(number: int, size: int) -> bytes:
    message_id = f"<{number}.{time.time_ns()}@example.org>"
    header = f"From: {SENDER}\r\nTo: {RECIPIENT}\r\nSubject: number {number}\r\nMessage-ID: {message_id}\r\n\r\n"
    line = b"The quick brown fox jumps over the lazy dog, again and again and again.\r\n"
    body = line * (max(0, size - len(header)) // len(line) + 1)
    return header.encode() + body[: max(0, size - len(header) - 2)] + b"\r\n"


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
