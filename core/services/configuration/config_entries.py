"""Configuration as text, read: a TOML file's entries, and what is wrong with its outer form."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.errors import BadInput, Problem
from core.resources.catalogue import CONFIGURED
from core.resources.kind import Kind
from core.services.editing.drafts import Given, read_given
from core.services.setting_values import unnested


@dataclass(frozen=True)
class Entry:
    """One `[[table]]` of a file."""

    kind: Kind
    name: str
    where: str
    """File and entry, as problems name them: `work.toml: account "support"`."""
    given: Given


@dataclass
class Text:
    """A file's content, read."""

    file: str
    settings: dict[str, Any] = field(default_factory=dict)
    """By dotted name."""
    entries: list[Entry] = field(default_factory=list)
    """In an order in which references can be resolved, whatever the order of the file."""
    problems: list[Problem] = field(default_factory=list)

    @property
    def settings_where(self) -> str:
        """How problems name the settings."""
        return f"{self.file}: settings"

    @property
    def known(self) -> set[tuple[str, str]]:
        """Kinds and names that will be there once it is imported."""
        return {(entry.kind.name, entry.name) for entry in self.entries}


def read_text(text: str, file: str) -> Text:
    """A file's entries; each problem of one is kept with it, those of the outer form with the whole.

    Raises:
        BadInput: it is no TOML at all.
    """
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadInput(f"{file} is not valid TOML: {error or 'too deeply nested'}.") from error
    read = Text(file)
    _read_settings(read, content.pop("settings", {}))
    for kind in CONFIGURED:
        read.entries.extend(_entries(read, kind, content.pop(kind.name, [])))
    tables = ", ".join(["settings", *(kind.name for kind in CONFIGURED)])
    read.problems += [Problem(file, name, f"is no table of a configuration; these are: {tables}.") for name in content]
    return read


def _read_settings(read: Text, given: Any) -> None:
    if isinstance(given, dict):
        read.settings = unnested(given)
    else:
        read.problems.append(Problem(read.file, "settings", "is a table: write [settings]."))


def _entries(read: Text, kind: Kind, tables: Any) -> Iterator[Entry]:
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        read.problems.append(Problem(read.file, kind.name, f"is a list of tables: write [[{kind.name}]]."))
        return
    names: set[str] = set()
    for number, table in enumerate(tables, 1):
        name = table.get(kind.key)
        is_named = isinstance(name, str) and bool(name.strip())
        where = f'{read.file}: {kind.name} "{name.strip()}"' if is_named else f"{read.file}: {kind.name} {number}"
        given = read_given(kind, table, where)
        if not is_named:
            read.problems += [*given.problems, *_missing(kind, table, where)]
            continue
        name = name.strip()
        if name in names:
            read.problems += [Problem(where, kind.key, "stands twice in this file."), *given.problems]
            continue
        names.add(name)
        yield Entry(kind, name, where, given)


def _missing(kind: Kind, table: Mapping[str, Any], where: str) -> list[Problem]:
    """What must be given of an entry without a name, which is looked at no further."""
    absent = [one.name for one in kind.fields if one.is_required and not str(table.get(one.name, "")).strip()]
    return [Problem(where, name, "is missing; it must be given.") for name in absent]
