"""`postroom doctor`."""

from __future__ import annotations

from typing import Annotated

from typer import Context, Option

from core.gateway import open_gateway
from core.services.doctor.examination import Finding, Level, examine
from tui.cli.told.output import write_json, write_line
from tui.cli.words.options import Invocation

_SIGNS = {Level.OK: "ok", Level.WARNING: "warning", Level.ERROR: "error"}


def doctor(
    ctx: Context,
    offline: Annotated[
        bool, Option("--offline", help="Do not connect to the servers of accounts and mailboxes.")
    ] = False,
) -> int:
    """Look whether everything is as it should be. Exit code 0: it is; 1: there are warnings; 2: errors.

    Accounts and mailboxes are connected to, and signed in to where the key may be read; nothing is fetched or sent.
    """
    invocation: Invocation = ctx.obj
    worst, environment = Level.OK, invocation.environment
    for finding in examine(environment, lambda: open_gateway(environment), connecting=not offline):
        worst = max(worst, finding.level)
        _show(finding, as_json=invocation.json)
    return int(worst)


def _show(finding: Finding, *, as_json: bool) -> None:
    level = _SIGNS[finding.level]
    if as_json:
        write_json({"check": finding.check, "level": level, "text": finding.text})
    else:
        write_line(f"{level:<8} {finding.check:<14} {finding.text}")
