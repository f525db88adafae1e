"""`postroom init`."""

from __future__ import annotations

from typer import Context

from core.db.server import without_password
from core.environment import Environment
from core.vault.choice import key_place
from tui.cli.opened import opened
from tui.cli.told.output import write_facts, write_json
from tui.cli.words.options import Invocation


def init(ctx: Context) -> None:
    """Make the data folder, the key, the database, and the shipped templates and queues; what is there stays."""
    invocation: Invocation = ctx.obj
    with opened(invocation, anew=True):
        places = _places(invocation.environment)
    (write_json if invocation.json else write_facts)(places)


def _places(environment: Environment) -> dict[str, str]:
    return {
        "home": str(environment.home),
        "database": without_password(environment.database_url),
        "key": key_place(environment).name,
        "drop": str(environment.drop),
    }
