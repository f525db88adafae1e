"""Configuration as text: import, all or nothing, and what it would change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import update
from sqlmodel import Session

from core.db.alike import one_at_a_time
from core.db.bulk import table_of
from core.errors import BadInput, Problem
from core.handles import Handles
from core.models import Audit
from core.services import access, audit, settings
from core.services.actor import Actor
from core.services.configuration.catalogue import resource_of
from core.services.configuration.config_entries import Entry, Text, read_text
from core.services.editing.drafts import Draft, drafted, incomplete
from core.services.editing.writing import write
from core.services.lookup import living
from core.services.references import dangling, ids_of


@dataclass(frozen=True)
class Difference:
    """One thing that an import changed, or would change."""

    verb: str
    """add or change"""
    kind: str
    name: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]

    def __str__(self) -> str:
        if self.verb == "add":
            return f'+ {self.kind} "{self.name}"'
        changes = "; ".join(
            f"{name}: {_shown(self.before.get(name))} → {_shown(self.after[name])}" for name in self.after
        )
        return f"~ {self.kind}: {changes}" if self.kind == "setting" else f'~ {self.kind} "{self.name}": {changes}'


@dataclass
class Imported:
    """What became of an import."""

    differences: list[Difference] = field(default_factory=list)
    unchanged: int = 0
    """Entries that stood there already, just so."""
    warnings: list[str] = field(default_factory=list)
    """What was taken and yet is worth a word."""
    lines: list[Audit] = field(default_factory=list)

    def __iter__(self) -> Iterator[Difference]:
        return iter(self.differences)

    def __len__(self) -> int:
        return len(self.differences)


class _Undone(Exception):
    """Ends a transaction that was only to be looked at."""

    def __init__(self, imported: Imported) -> None:
        super().__init__()
        self.imported = imported


def import_text(handles: Handles, actor: Actor, text: str, file: str, *, dry_run: bool = False) -> Imported:
    """Take a configuration in: all of it, or nothing when anything in it is wrong.

    What the text does not mention stays as it is, entries and fields alike.

    Args:
        handles: what this process holds open.
        actor: who imports.
        text: the TOML.
        file: its name, for problems.
        dry_run: whether to tell what it would change, and change nothing.

    Raises:
        BadInput: everything that is wrong with it, each with file, entry and field.
    """
    access.require(actor, "import", "configuration")
    return import_entries(handles, actor, read_text(text, file), dry_run=dry_run)


def import_entries(handles: Handles, actor: Actor, read: Text, *, dry_run: bool = False) -> Imported:
    """The same for entries that were read already, from whatever they stood in."""
    access.require(actor, "import", "configuration")

    def work(session: Session) -> Imported:
        one_at_a_time(session, "configuration")
        imported = _Import(session, handles, actor, read).done()
        if dry_run:
            raise _Undone(imported)
        return imported

    try:
        imported = handles.database.writing(work)
    except _Undone as undone:
        return undone.imported
    audit.publish(*imported.lines)
    if imported.differences:
        handles.changes.moved("audit", *{one.kind for one in imported.differences})
    return imported


def diff(handles: Handles, actor: Actor, text: str, file: str) -> list[Difference]:
    """What an import of this text would change.

    Raises:
        BadInput: everything that is wrong with it.
    """
    return import_text(handles, actor, text, file, dry_run=True).differences


class _Import:
    """One import within its transaction: write entry by entry, then judge them together as they stand."""

    def __init__(self, session: Session, handles: Handles, actor: Actor, read: Text) -> None:
        self._session = session
        self._handles = handles
        self._actor = actor
        self._read = read
        self._problems: list[Problem] = list(read.problems)
        self._drafts: list[tuple[Entry, Draft]] = []
        self._imported = Imported()

    def done(self) -> Imported:
        """Do it.

        Raises:
            BadInput: everything that is wrong.
        """
        self._take_settings()
        for entry in self._read.entries:
            self._take(entry)
        self._tie_failovers()
        # Guards look at how things stand at the end: what one entry would break another may mend.
        for entry, draft in self._drafts:
            self._judge(entry, draft)
        if self._read.settings:
            where, known = self._read.settings_where, self._read.known
            self._problems += settings.judged(self._session, self._read.settings, where=where, known=known)
        if self._problems:
            raise BadInput(problems=tuple(self._problems))
        return self._imported

    def _take_settings(self) -> None:
        line, problems = settings.apply(
            self._session, self._handles.vault, self._actor, self._read.settings, where=self._read.settings_where
        )
        self._problems += problems
        self._note(line)

    def _take(self, entry: Entry) -> None:
        guards = resource_of(entry.kind).guards
        row = living(self._session, entry.kind, entry.name, is_locked=True)
        draft = guards.complete(drafted(self._session, entry.kind, row, entry.given, entry.where))
        self._drafts.append((entry, draft))
        problems = list(entry.given.problems)
        problems += incomplete(draft, [problem.field for problem in problems])
        complaints = dangling(self._session, entry.kind, draft.values, self._read.known)
        problems += [draft.problem(name, text) for name, text in complaints.items()]
        self._problems += problems
        if problems or self._waits(draft):
            return
        saved = write(self._session, self._handles.vault, self._actor, guards, draft)
        self._imported.warnings += [f"{entry.where}: {warning}" for warning in saved.warnings if saved.is_changed]
        self._imported.unchanged += not saved.is_changed
        self._note(saved.line)

    def _waits(self, draft: Draft) -> bool:
        """Whether it refers to another kind's entry that was not taken: that one has the problem."""
        ids = ids_of(self._session, draft.kind, draft.values)
        return any(
            field.refers_to not in {"", draft.kind.name} and draft.values[field.name] and ids[field.column] is None
            for field in draft.kind.fields
        )

    def _tie_failovers(self) -> None:
        """Set the references among entries of one kind, which may name later ones."""
        for entry, draft in self._drafts:
            own = [field for field in entry.kind.fields if field.refers_to == entry.kind.name]
            row = living(self._session, entry.kind, entry.name) if own else None
            if row is not None:
                ids = ids_of(self._session, entry.kind, draft.values)
                table = table_of(entry.kind.model)
                tied = {field.column: ids[field.column] for field in own}
                self._session.connection().execute(update(table).where(table.c.id == row["id"]).values(**tied))

    def _judge(self, entry: Entry, draft: Draft) -> None:
        named = {problem.field for problem in self._problems if problem.where == entry.where}
        judged = resource_of(entry.kind).guards.judge(self._session, draft)
        self._problems += [problem for problem in judged if problem.field not in named]

    def _note(self, line: Audit | None) -> None:
        if line is not None:
            self._imported.lines.append(line)
            difference = Difference(line.verb, line.kind, line.name, line.before or {}, line.after or {})
            self._imported.differences.append(difference)


def _shown(value: Any) -> str:
    return "yes" if value is True else "no" if value is False else "–" if value in (None, "", []) else str(value)
