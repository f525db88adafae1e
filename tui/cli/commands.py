"""Finding a command and running it; only the module that holds it is imported."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

from typer import Abort, Exit, Typer, TyperException
from typer.main import get_command

from core.errors import Misuse
from tui.cli.process.endings import INTERRUPTED, complain, unknown_command
from tui.cli.told.help_page import PlainCommand, PlainGroup
from tui.cli.words.options import EPILOG, split_common

PLACES = {
    "init": ("upkeep.init", "init"),
    "fetch": ("incoming.fetching", "fetch"),
    "pause": ("incoming.run_control", "pause"),
    "resume": ("incoming.run_control", "resume"),
    "stop": ("incoming.run_control", "stop"),
    "apply": ("incoming.applying", "apply"),
    "deliver": ("outgoing.delivering", "deliver"),
    "route": ("outgoing.delivering", "route"),
    "explain": ("incoming.explaining", "explain"),
    "intake": ("incoming.intake", "intake"),
    "try": ("incoming.trying", "try_filters"),
    "where": ("looking.where", "where"),
    "test": ("connections.testing", "test"),
    "list": ("looking.rows", "list_rows"),
    "show": ("looking.rows", "show"),
    "raw": ("looking.rows", "raw"),
    "add": ("configuring.changing", "add"),
    "set": ("configuring.changing", "change"),
    "delete": ("configuring.changing", "delete"),
    "config": ("configuring.configuration", "CONFIG"),
    "quarantine": ("incoming.quarantine", "QUARANTINE"),
    "outbox": ("outgoing.outbox", "OUTBOX"),
    "delivery": ("outgoing.delivery", "DELIVERY"),
    "record": ("incoming.record", "RECORD"),
    "oauth": ("connections.oauth", "OAUTH"),
    "erase": ("upkeep.erasing", "erase"),
    "doctor": ("upkeep.doctor", "doctor"),
    "completion": ("completion.command", "completion"),
    "db": ("upkeep.database", "DATABASE"),
    "key": ("upkeep.key", "KEY"),
}
"""Each command's module in this package, and what in it is the command: a function, or a group of them."""

FREE_WORDS = {"list": "KIND [FILTER] [--limit N] [--after ID] [--oldest-first]"}
"""Commands that take whatever words follow, those with a dash too, and how they are used."""

GARBAGE_EVERY = 50_000
"""Objects made before garbage is looked for."""

_FREE = {"ignore_unknown_options": True, "allow_extra_args": True, "allow_interspersed_args": False}


def carry_out(words: Sequence[str]) -> int:
    """Run the command that these words begin with; without one, the console or a worker."""
    invocation, rest = split_common(words)
    name = rest[0] if rest and not rest[0].startswith("-") else ""
    if name and name not in PLACES:
        raise unknown_command(name, (*PLACES, "send"))
    module, attribute = PLACES[name] if name else ("running", "run")
    command = _command(name or "postroom", getattr(_imported(module), attribute))
    try:
        # Not `main`: that takes a broken pipe for an end of its own.
        with command.make_context(f"postroom {name}".strip(), rest[1:] if name else rest, obj=invocation) as context:
            ended = command.invoke(context)
    except Exit as asked:
        return asked.exit_code
    except TyperException as error:
        said = error.format_message().rstrip(".")
        raise Misuse(f"{said}. See `postroom {name} --help`.".replace("  ", " ")) from error
    except Abort:
        complain("Interrupted.")
        return INTERRUPTED
    finally:
        # The interpreter looks for garbage once more when it ends: 50 ms of each command.
        gc.freeze()
    return ended if isinstance(ended, int) else 0


def _imported(module: str) -> ModuleType:
    # What is imported stays: looking for garbage in it took a tenth of every start.
    gc.disable()
    imported = import_module(f"tui.cli.{module}")
    gc.freeze()
    gc.enable()
    gc.set_threshold(GARBAGE_EVERY, *gc.get_threshold()[1:])
    return imported


def _command(name: str, action: Typer | Callable[..., object]) -> Any:  # typer keeps its click to itself
    if isinstance(action, Typer):
        return get_command(action)
    app = Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    if name in FREE_WORDS:
        usage = FREE_WORDS[name]
        made = app.command(name, cls=PlainCommand, context_settings=dict(_FREE), epilog=EPILOG, options_metavar=usage)
    else:
        made = app.command(name, cls=PlainCommand, epilog=EPILOG)
    made(action)
    return get_command(app)


class _Group(Typer):
    def command(self, name: str | None = None, **given: Any) -> Any:
        return super().command(name, cls=PlainCommand, epilog=EPILOG, **given)


def group(text: str) -> Typer:
    """A group of commands: `postroom NAME VERB …`."""
    return _Group(
        cls=PlainGroup,
        help=text,
        epilog=EPILOG,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=False,
    )
