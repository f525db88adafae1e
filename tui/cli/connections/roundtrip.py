"""`postroom test roundtrip`: a probe out through a mailbox and into an account."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.errors import Misuse, SmtpRefused, TlsFailed
from core.protocols.probe import Step
from core.services.connection_tests.roundtrip import WITHIN
from core.services.connection_tests.test_orders import round_trip as steps_of
from core.settings import read_duration
from tui.cli.opened import opened
from tui.cli.words.options import Invocation

LATER = 75
"""The relay took it and it was not seen in time, or the relay asks to come again later."""


def round_trip(
    invocation: Invocation, mailbox: str, words: Sequence[str], within: str, show: Callable[[Step], None]
) -> int:
    """Send the probe, wait for it, show each step; gives the exit code."""
    if len(words) != 1 or "=" in words[0]:
        raise Misuse("A round trip has two ends: postroom test roundtrip MAILBOX ACCOUNT")
    exit_code = 0
    with opened(invocation) as (handles, actor):
        for step in steps_of(handles, actor, mailbox, words[0], within=_seconds(within)):
            exit_code = exit_code or exit_code_of(step)
            show(step)
    return exit_code


def exit_code_of(step: Step) -> int:
    """What the command ends with when this step fails."""
    if step.ok:
        return 0
    if step.failure is None:
        return LATER
    if isinstance(step.failure, SmtpRefused):
        return TlsFailed.exit_code if step.failure.is_permanent else LATER
    return step.failure.exit_code


def _seconds(within: str) -> float:
    try:
        return read_duration(within).total_seconds() if within else WITHIN
    except ValueError as error:
        raise Misuse(f"--within: {error}") from error
