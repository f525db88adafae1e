"""Each phase of the dialogue and each fault there: what becomes of the message, the attempt, the next try, the mailbox."""

import shutil
from dataclasses import dataclass, replace

import pytest

from core.models import Attempt
from core.outbound.sending.deliver import deliver_due
from core.protocols.server import Timeouts
from core.secret import Secret
from tests.outbound.world import QUICK, add_mailbox, attempts, mailbox_status, put, recipients, rows
from tests.servers.smtp import Action, Phase, RuledSink
from tui.demo.sink_session import Security


@pytest.fixture
def home(environment, sqlite_template):
    """On one engine: what is tried here is said on the wire."""
    shutil.copytree(sqlite_template, environment.home)
    return environment


@pytest.fixture
def guarded_sink(certificates):
    """As a provider's: STARTTLS and a login are asked for."""
    with RuledSink(Security.STARTTLS, certificates.good, {"anna": "right"}, auth_required=True) as sink:
        yield sink


@dataclass(frozen=True)
class Outcome:
    """What a fault comes to."""

    state: str
    """Of the message, at the end of the pass."""
    tries: tuple[str, ...]
    """What came of the first mailbox's try, and of its failover's if that was asked."""
    cools: bool
    """Whether the mailbox rests."""


MAILBOX = Outcome("sent", ("deferred", "sent"), cools=True)
RECIPIENT_LATER = Outcome("deferred", ("deferred",), cools=False)
FOR_GOOD = Outcome("failed", ("failed",), cools=False)
UNCERTAIN = Outcome("uncertain", ("uncertain",), cools=False)

ACTIONS = ["450 4.2.0 later", "550 5.5.0 never", "421 4.3.0 closing", Action.HANG, Action.DROP, Action.GARBAGE]

# For each phase what the six actions come to, in their order.
OUTCOMES = {
    Phase.CONNECT: [MAILBOX] * 6,
    Phase.EHLO: [MAILBOX] * 6,
    Phase.STARTTLS: [MAILBOX] * 6,
    Phase.AUTH: [MAILBOX] * 6,
    Phase.MAIL: [MAILBOX] * 6,
    Phase.RCPT: [RECIPIENT_LATER, FOR_GOOD, MAILBOX, MAILBOX, MAILBOX, MAILBOX],
    Phase.DATA: [MAILBOX, FOR_GOOD, MAILBOX, MAILBOX, MAILBOX, MAILBOX],
    Phase.DOT: [MAILBOX, FOR_GOOD, MAILBOX, UNCERTAIN, UNCERTAIN, UNCERTAIN],
}
NAMES = {
    Phase.CONNECT: "greeting",
    Phase.EHLO: "ehlo",
    Phase.STARTTLS: "tls",
    Phase.AUTH: "login",
    Phase.MAIL: "mail_from",
    Phase.RCPT: "rcpt_to",
    Phase.DATA: "data",
    Phase.DOT: "dot",
}
CASES = [
    pytest.param(phase, action, outcome, id=f"{phase.value}-{action.split()[0]}")
    for phase, outcomes in OUTCOMES.items()
    for action, outcome in zip(ACTIONS, outcomes, strict=True)
]


@pytest.mark.parametrize(("phase", "action", "expected"), CASES)
def test_a_fault_at_each_phase_goes_to_whom_it_concerns(
    handles, guarded_sink, smtp_sink, certificates, phase, action, expected
):
    spare = add_mailbox(handles, "spare", smtp_sink, active=False)
    main = add_mailbox(
        handles,
        "main",
        guarded_sink,
        failover=spare,
        username="anna",
        t_smtp_auth=True,
        t_smtp_security="starttls",
        t_tls_ca=str(certificates.good.authority),
    )
    handles.database.writing(lambda session: handles.vault.store(session, "mailbox", main, "password", Secret("right")))
    guarded_sink.rule(phase, action)
    put(handles)

    deliver_due(handles, timeouts=_patience(phase) if action is Action.HANG else QUICK)

    [row] = rows(handles)
    tries = attempts(handles)
    assert (row.state, tuple(each.outcome for each in tries)) == (expected.state, expected.tries)
    assert (row.lease_until, row.handing_over, row.attempts) == (None, False, 1)
    assert recipients(handles)["bob@example.net"].state == expected.state
    _check_try(tries[0], phase, action)
    _check_next(row)
    _check_mailbox(mailbox_status(handles, main), expected, tries[0])
    assert len(smtp_sink.deliveries) == len(expected.tries) - 1
    assert not guarded_sink.deliveries


def _patience(phase: Phase) -> Timeouts:
    """Short only for what is silent: on a busy machine all the others answer late, too."""
    if phase is Phase.DOT:
        return replace(QUICK, settle=1.0)
    return replace(QUICK, command=2.0) if phase in (Phase.MAIL, Phase.RCPT, Phase.DATA) else replace(QUICK, login=2.0)


def _check_try(first: Attempt, phase: Phase, action: str) -> None:
    code = None if isinstance(action, Action) else int(action[:3])
    assert (first.mailbox, first.phase, first.reply_code) == ("main", NAMES[phase], code)
    assert first.text


def _check_next(row) -> None:
    wait = (row.next_attempt_at - row.created_at).total_seconds()
    if row.state in ("deferred", "uncertain"):
        # A minute, less up to a quarter; and what the faults took.
        assert 40 < wait < 75
    else:
        assert row.settled_at is not None


def _check_mailbox(status, expected: Outcome, first: Attempt) -> None:
    if not expected.cools:
        assert (status.failures, status.cooling_until, status.last_error) == (0, None, "")
        return
    assert status.failures == 1
    assert first.text in status.last_error
    # Half a minute after its first failure.
    assert 25 < (status.cooling_until - first.started_at).total_seconds() < 40
