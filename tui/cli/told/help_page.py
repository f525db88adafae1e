"""What `--help` of a command says: its arguments as a person writes them, and each verb of a group in a whole sentence.

The framework's own pages name Python's types and cut the sentences.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperGroup


class PlainCommand(TyperCommand):
    """One command."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The arguments that need words, then the options."""
        every = self.get_params(ctx)
        arguments = [one for one in every if isinstance(one, TyperArgument)]
        _write(formatter, "Arguments", [(one.metavar or one.name, one.help) for one in arguments if one.help])
        records = [one.get_help_record(ctx) for one in every if one not in arguments]
        _write(formatter, "Options", [record for record in records if record is not None])


class PlainGroup(TyperGroup):
    """Several verbs of one noun."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Each verb with what it does."""
        _write(formatter, "Commands", [(name, _sentence(one.help or "")) for name, one in self.commands.items()])


def _write(formatter: Any, title: str, rows: Sequence[tuple[str, str]]) -> None:
    if rows:
        with formatter.section(title):
            formatter.write_dl(rows)


def _sentence(text: str) -> str:
    """The first paragraph, on one line: it is broken anew."""
    return " ".join(inspect.cleandoc(text).partition("\n\n")[0].split())
