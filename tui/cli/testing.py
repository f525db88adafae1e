"""`postroom test`: a connection, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated

from typer import Argument, Context

from core.errors import LoginRefused, Misuse, TlsFailed, Unreachable
from core.handles import Handles
from core.protocols.probe import Step
from core.services.actor import Actor
from core.services.testing import test_account, test_mailbox
from tui.cli.opened import opened
from tui.cli.options import Invocation
from tui.cli.output import write_json, write_line

_Test = Callable[[Handles, Actor, str], Iterator[Step]]

_TESTS: dict[str, _Test] = {
    "account": test_account,
    "accounts": test_account,
    "mailbox": test_mailbox,
    "mailboxes": test_mailbox,
}

_UNREACHABLE = {"resolve", "connect", "greeting", "ehlo"}
"""Steps that fail when the server cannot be reached or does not answer."""


def test(
    ctx: Context,
    kind: Annotated[str, Argument(metavar="account|mailbox")],
    name: Annotated[str, Argument(metavar="NAME")],
) -> int:
    """Try a connection, a line a step; nothing is fetched or sent.

    Exit code 69: unreachable; 77: login refused; 78: another setting.
    """
    invocation: Invocation = ctx.obj
    if kind not in _TESTS:
        raise Misuse(f"test is for an account or a mailbox, not {kind!r}.")
    exit_code = 0
    with opened(invocation) as (handles, actor):
        for step in _TESTS[kind](handles, actor, name):
            exit_code = exit_code or exit_code_of(step)
            _show(step, as_json=invocation.json)
    return exit_code


def exit_code_of(step: Step) -> int:
    """What the command ends with when this step fails."""
    if step.ok:
        return 0
    if step.step in _UNREACHABLE:
        return Unreachable.exit_code
    return LoginRefused.exit_code if step.step == "login" else TlsFailed.exit_code


def _show(step: Step, *, as_json: bool) -> None:
    if as_json:
        write_json({"step": step.step, "ok": step.ok, "ms": step.ms, "detail": step.detail})
    else:
        write_line(f"{'ok' if step.ok else 'FAILED':<7} {step.step:<10} {step.ms:>8.1f} ms  {step.detail}")
