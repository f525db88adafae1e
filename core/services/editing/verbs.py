"""The verbs that every resource has: matching, get, add, change, delete, restore; drawn from its description."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlmodel import Session

from core import clock
from core.db.alike import one_at_a_time
from core.db.bulk import table_of
from core.errors import BadInput, ChangedMeanwhile, InUse, NotFound, Problem
from core.handles import Handles
from core.models import Audit
from core.models.base import RESTORABLE
from core.resources.kind import Kind
from core.resources.values import write_value
from core.services import access, audit
from core.services.actor import Actor
from core.services.editing.checking import problems_of
from core.services.editing.drafts import Draft, Given, drafted, read_given, values_of
from core.services.editing.guards import Change, Guards
from core.services.editing.writing import Saved, write
from core.services.lists.paging import Cursor
from core.services.lists.search import LIMIT, Page, matching
from core.services.lookup import named
from core.services.sealing import is_kept


class Resource:
    """One kind's verbs, with its own guards."""

    def __init__(self, kind: Kind, guards: Guards = Guards()) -> None:  # noqa: B008 - frozen
        self.kind = kind
        self.guards = guards

    def matching(
        self,
        handles: Handles,
        actor: Actor,
        filter_text: str = "",
        *,
        limit: int = LIMIT,
        after: Cursor | None = None,
        before: Cursor | None = None,
    ) -> Page:
        """The rows that a filter text matches, a page of them."""
        return matching(handles, actor, self.kind, filter_text, limit=limit, after=after, before=before)

    def get(self, handles: Handles, actor: Actor, name: str | int) -> dict[str, Any]:
        """One by name or id: its values as forms and TOML show them, `id` and `version`; secrets as set or not set.

        Raises:
            NotFound: there is none.
        """
        access.require(actor, access.SEE, self.kind.name)
        with handles.database.reading() as session:
            row = named(session, self.kind, name)
            values = values_of(session, self.kind, row)
            shown: dict[str, Any] = {"id": row["id"], "version": row["version"]}
            for field in self.kind.fields:
                if field.is_secret:
                    shown[field.name] = "set" if is_kept(session, self.kind.name, row["id"], field.name) else "not set"
                else:
                    shown[field.name] = write_value(field, values[field.name])
        return shown

    def add(self, handles: Handles, actor: Actor, name: str, given: Mapping[str, Any]) -> Saved:
        """A new one; fields that are not given take their defaults.

        Raises:
            BadInput: all that is wrong with the values; nothing was changed.
        """
        access.require(actor, "add", self.kind.name)
        read = read_given(self.kind, {**given, self.kind.key: name})

        def work(session: Session) -> Saved:
            one_at_a_time(session, "configuration")
            return self._saved(session, handles, actor, drafted(session, self.kind, None, read), read)

        return self._done(handles, handles.database.writing(work))

    def change(
        self, handles: Handles, actor: Actor, name: str | int, given: Mapping[str, Any], *, version: int | None = None
    ) -> Saved:
        """Change the fields that are given, the name among them.

        Args:
            handles: what this process holds open.
            actor: who changes it.
            name: the name it has now, or its id.
            given: new values by field name; an empty secret keeps what is there, `None` drops it.
            version: the one the values were read at; if it has grown since, nothing is changed.

        Raises:
            NotFound: there is none.
            ChangedMeanwhile: its version has grown.
            BadInput: all that is wrong with the values; nothing was changed.
        """
        access.require(actor, "change", self.kind.name)
        read = read_given(self.kind, given)

        def work(session: Session) -> Saved:
            one_at_a_time(session, "configuration")
            row = named(session, self.kind, name, is_locked=True)
            if version is not None and row["version"] != version:
                raise ChangedMeanwhile(
                    f"{self.kind.name.capitalize()} {name} was changed by somebody else meanwhile. Open it again."
                )
            return self._saved(session, handles, actor, drafted(session, self.kind, row, read), read)

        return self._done(handles, handles.database.writing(work))

    def delete(self, handles: Handles, actor: Actor, name: str | int) -> None:
        """Delete one; its name is free at once, and for 24 hours it can be brought back.

        Raises:
            NotFound: there is none.
            InUse: others need it; the sentence names them.
        """
        access.require(actor, "delete", self.kind.name)

        def work(session: Session) -> Audit:
            one_at_a_time(session, "configuration")
            row = named(session, self.kind, name, is_locked=True)
            if refusal := self.guards.in_use(session, row):
                raise InUse(refusal)
            now = clock.utcnow()
            self._mark(session, row["id"], row["version"] + 1, deleted_at=now)
            self.guards.deleted(Change(session, row["id"], now))
            before = values_of(session, self.kind, row)
            return audit.note(session, actor, "delete", self.kind.name, row[self.kind.key], before=before)

        self._published(handles, handles.database.writing(work))

    def restore(self, handles: Handles, actor: Actor, name: str) -> None:
        """Bring back what was deleted in the last 24 hours, with secrets and links; the latest of that name.

        Raises:
            NotFound: nothing of that name was deleted since.
            BadInput: its name has been taken, or what it refers to is gone.
        """
        access.require(actor, "restore", self.kind.name)

        def work(session: Session) -> Audit:
            one_at_a_time(session, "configuration")
            now = clock.utcnow()
            row = self._deleted(session, name)
            if row is None or row["deleted_at"] < now - RESTORABLE:
                raise NotFound(f"No {self.kind.name} {name!r} was deleted in the last 24 hours.")
            draft = drafted(session, self.kind, row, Given())
            if problems := problems_of(session, self.guards, draft):
                raise BadInput(problems=tuple(problems))
            self._mark(session, row["id"], row["version"] + 1, deleted_at=None)
            self.guards.restored(Change(session, row["id"], now))
            return audit.note(session, actor, "restore", self.kind.name, row[self.kind.key], after=draft.shown())

        self._published(handles, handles.database.writing(work))

    def restorable(self, handles: Handles, actor: Actor) -> list[tuple[str, datetime]]:
        """What was deleted in the last 24 hours: names and when, the latest first."""
        access.require(actor, "restore", self.kind.name)
        table = table_of(self.kind.model)
        gone = (
            select(table.c[self.kind.key], func.max(table.c.deleted_at))
            .where(table.c.deleted_at >= clock.utcnow() - RESTORABLE)
            .group_by(table.c[self.kind.key])
            .order_by(func.max(table.c.deleted_at).desc())
        )
        with handles.database.reading() as session:
            return [(name, deleted_at) for name, deleted_at in session.connection().execute(gone).all()]

    def check(self, handles: Handles, given: Mapping[str, Any], *, name: str | int | None = None) -> list[Problem]:
        """Everything that is wrong with values before they are saved, by field; nothing is written."""
        read = read_given(self.kind, given)
        with handles.database.reading() as session:
            row = None if name is None else named(session, self.kind, name)
            draft = self.guards.complete(drafted(session, self.kind, row, read))
            return problems_of(session, self.guards, draft, read.problems)

    def warnings(self, handles: Handles, given: Mapping[str, Any], *, name: str | int | None = None) -> list[str]:
        """What may be saved and yet is worth a word."""
        with handles.database.reading() as session:
            row = None if name is None else named(session, self.kind, name)
            draft = self.guards.complete(drafted(session, self.kind, row, read_given(self.kind, given)))
            return self.guards.warn(session, draft)

    def _saved(self, session: Session, handles: Handles, actor: Actor, draft: Draft, read: Given) -> Saved:
        draft = self.guards.complete(draft)
        if problems := problems_of(session, self.guards, draft, read.problems):
            raise BadInput(problems=tuple(problems))
        return write(session, handles.vault, actor, self.guards, draft)

    def _done(self, handles: Handles, saved: Saved) -> Saved:
        if saved.line is not None:
            self._published(handles, saved.line)
        return saved

    def _published(self, handles: Handles, line: Audit) -> None:
        audit.publish(line)
        handles.changes.moved(self.kind.name, "audit")

    def _mark(self, session: Session, row_id: int, version: int, **columns: Any) -> None:
        table = table_of(self.kind.model)
        session.connection().execute(update(table).where(table.c.id == row_id).values(version=version, **columns))

    def _deleted(self, session: Session, name: str) -> Mapping[str, Any] | None:
        table = table_of(self.kind.model)
        gone = (
            select(table)
            .where(table.c[self.kind.key] == name, table.c.deleted_at.is_not(None))
            .order_by(table.c.deleted_at.desc(), table.c.id.desc())
            .limit(1)
        )
        row = session.connection().execute(gone).mappings().first()
        return None if row is None else dict(row)
