"""Seeing what other processes wrote, for those who show it."""

from __future__ import annotations

from core.db.changes import Watcher
from core.handles import Handles


def watch(handles: Handles) -> Watcher:
    """A look of one's own at which topics move; to be used and closed in one thread."""
    return Watcher(handles.database)
