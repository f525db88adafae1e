"""`postroom test`: a connection, step by step."""

# ruff: noqa: PT028 - this tests servers, not this program

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Annotated, Any

from typer import Argument, Context, Option

from core.errors import (
    ConnectionLost,
    DeadlineExceeded,
    LoginRefused,
    Misuse,
    SmtpRefused,
    Throttled,
    TlsFailed,
    Unreachable,
    WireError,
)
from core.handles import Handles
from core.protocols.probe import Step
from core.protocols.transcript import Direction, Spoken, Transcript
from core.resources.catalogue import kind_named
from core.resources.kind import Kind
from core.services.actor import Actor
from core.services.connection_tests.test_orders import steps
from core.services.connection_tests.testing import Tested
from tui.cli.connections.roundtrip import LATER, round_trip
from tui.cli.opened import opened
from tui.cli.told.output import say, write_json, write_line
from tui.cli.words.assignments import read_fields
from tui.cli.words.options import Invocation
from tui.cli.words.passwords import password_from_stdin

_TESTED = {"account", "mailbox"}

_UNREACHABLE = {"resolve", "connect", "greeting", "ehlo"}
"""Steps that fail when the server cannot be reached or does not answer."""

_PASSING = {Throttled, ConnectionLost, DeadlineExceeded}
"""What a server does in the middle, whatever the settings."""

_ENVELOPE = {"mail_from", "rcpt_to", "data", "sent"}
"""Steps in which a server says whether it takes mail."""


def test(
    ctx: Context,
    kind: Annotated[str, Argument(metavar="account|mailbox|roundtrip")],
    name: Annotated[str, Argument(metavar="NAME")],
    values: Annotated[list[str] | None, Argument(metavar="field=value|ACCOUNT")] = None,
    password_stdin: Annotated[bool, Option("--password-stdin", help="Try this password, from stdin.")] = False,
    within: Annotated[str, Option("--within", metavar="60s", help="How long a round trip may take.")] = "",
) -> int:
    """Try a connection, a line a step; nothing is fetched, sent or changed.

    With values it is tried as it would be with them, before they are saved. --debug shows the dialogue.
    test roundtrip MAILBOX ACCOUNT sends a probe through the mailbox and sees it arrive in the account.
    Exit code 69: unreachable; 77: login refused; 78: another setting; 75: the server asks to come again later, or the
    probe was not seen in time.
    """
    invocation: Invocation = ctx.obj
    if kind == "roundtrip":
        return round_trip(invocation, name, values or (), within, partial(_show, as_json=invocation.json))
    described = _testable(kind)
    what = _tested(described, name, values or (), from_stdin=password_stdin)
    exit_code = 0
    with opened(invocation) as (handles, actor):
        for step in _steps(invocation, handles, actor, described, what):
            exit_code = exit_code or exit_code_of(step)
            _show(step, as_json=invocation.json)
    if not exit_code and not isinstance(what, str):
        say(invocation, f"It works with these values; to keep them: postroom set {described.name} {name} …")
    return exit_code


def exit_code_of(step: Step) -> int:
    """What the command ends with when this step fails."""
    if step.ok:
        return 0
    if step.step in _UNREACHABLE:
        return Unreachable.exit_code
    if isinstance(step.failure, SmtpRefused) and step.step in _ENVELOPE:
        # Greylisting and the like are no setting's fault.
        return TlsFailed.exit_code if step.failure.is_permanent else LATER
    if isinstance(step.failure, WireError) and (step.step in {"login", "token"} or type(step.failure) in _PASSING):
        # A server that is busy, slow or wants TLS first has not refused the login, nor is a setting wrong.
        return type(step.failure).exit_code
    return LoginRefused.exit_code if step.step == "login" else TlsFailed.exit_code


def _testable(name: str) -> Kind:
    kind = kind_named(name)
    if kind.name not in _TESTED:
        raise Misuse(f"test is for an account or a mailbox, not {name!r}.")
    return kind


def _tested(kind: Kind, name: str, words: Sequence[str], *, from_stdin: bool) -> Tested:
    given: dict[str, Any] = read_fields(kind, words)
    given |= password_from_stdin(kind) if from_stdin else {}
    return {kind.key: name, **given} if given else name


def _steps(invocation: Invocation, handles: Handles, actor: Actor, kind: Kind, what: Tested) -> Iterator[Step]:
    def told(spoken: Spoken) -> None:
        say(invocation, f"{'>' if spoken.direction is Direction.SENT else '<'} {spoken.text}")

    transcript = Transcript(told) if invocation.debug else None
    return steps(handles, actor, kind, what, transcript=transcript)


def _show(step: Step, *, as_json: bool) -> None:
    if as_json:
        line: dict[str, Any] = {"step": step.step, "ok": step.ok, "ms": step.ms, "detail": step.detail}
        write_json(line if step.ok else {**line, "cause": step.cause})
    else:
        write_line(f"{'ok' if step.ok else 'FAILED':<7} {step.step:<10} {step.ms:>8.1f} ms  {step.detail}")
