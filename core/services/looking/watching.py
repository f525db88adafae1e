"""Seeing what other processes wrote, for those who show it."""

from __future__ import annotations

from core.db.changes import Watcher
from core.db.schema import refuse_migrated
from core.handles import Handles


def watch(handles: Handles) -> Watcher:
    """A look of one's own at which topics move; to be used and closed in one thread."""
    return Watcher(handles.database)


def refuse_migrated_database(handles: Handles, what: str) -> None:
    """See that no newer version has migrated the database under `what` has it open, such as `this console`.

    Raises:
        SchemaMismatch: one has.
    """
    refuse_migrated(handles.database, what)
