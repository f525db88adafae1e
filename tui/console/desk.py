"""The console's way to the services: who asks, and what may be done from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.errors import Misuse, StoreBusy
from core.resources.kind import Kind
from core.services import access
from core.services.actor import Actor
from core.services.lists import search
from core.services.lists.paging import Cursor, cursor_of
from core.services.looking import details, handed_in, overview, watching
from tui.console.standing import Standing
from tui.console.window import PAGE, Row, Window

if TYPE_CHECKING:
    from core.handles import Handles

COUNTED = 10_000
"""Rows are counted no further."""

CHOICES = 5000
"""Names to choose from."""


@dataclass(frozen=True)
class Desk:
    """What one person has before them."""

    handles: Handles
    actor: Actor
    read_only: bool = False
    """Nothing is changed from this console, whatever the role allows."""

    def may(self, verb: str, kind: Kind | str) -> bool:
        """Whether this can be done from here; the services ask again."""
        if self.read_only and verb != access.SEE:
            return False
        return access.may(self.actor, verb, kind if isinstance(kind, str) else kind.name)

    def first_window(self, kind: Kind, filter_text: str, rows: int = PAGE) -> Window:
        """The list from its beginning."""
        page = search.matching(self.handles, self.actor, kind, filter_text, limit=rows)
        return Window(tuple(page.rows), has_after=page.has_more)

    def last_window(self, kind: Kind, filter_text: str) -> Window:
        """The list up to its end."""
        page = search.matching(self.handles, self.actor, kind, filter_text, limit=PAGE, at_end=True)
        return Window(tuple(page.rows), has_before=page.has_more)

    def window_around(self, kind: Kind, filter_text: str, name: str) -> tuple[Window, Cursor] | None:
        """The rows among which the one of that name stands, and what names it; `None`: it is not in the list."""
        key = search.cursor_named(self.handles, self.actor, kind, name)
        window = self.window_around_row(kind, filter_text, key) if key is not None else None
        return (window, key) if window is not None and key is not None else None

    def window_around_row(self, kind: Kind, filter_text: str, key: Cursor) -> Window | None:
        """The rows among which one stands; `None`: it is not in the list."""
        before = search.matching(self.handles, self.actor, kind, filter_text, limit=PAGE // 2, before=key)
        if before.has_more:
            window = self.window_after(kind, filter_text, key_of(kind, before.rows[0]))
        else:
            window = self.first_window(kind, filter_text)
        return window if any(key_of(kind, row) == key for row in window.rows) else None

    def window_after(self, kind: Kind, filter_text: str, after: Cursor, rows: int = PAGE) -> Window:
        """The rows that follow one."""
        page = search.matching(self.handles, self.actor, kind, filter_text, limit=rows, after=after)
        return Window(tuple(page.rows), has_before=True, has_after=page.has_more)

    def window_before(self, kind: Kind, filter_text: str, before: Cursor) -> Window:
        """The rows that precede one."""
        page = search.matching(self.handles, self.actor, kind, filter_text, limit=PAGE, before=before)
        return Window(tuple(page.rows), has_before=page.has_more, has_after=True)

    def row_now(self, kind: Kind, row: Row) -> Row | None:
        """A row as it stands by now; `None`: it is not in its list any more."""
        key = key_of(kind, row)
        try:
            before = search.matching(self.handles, self.actor, kind, limit=1, before=key).rows
        except Misuse:  # it is gone for good
            return None
        here = self.window_after(kind, "", key_of(kind, before[0]), 1) if before else self.first_window(kind, "", 1)
        return next((one for one in here.rows if key_of(kind, one) == key), None)

    def counted(self, kind: Kind, filter_text: str) -> tuple[int, int]:
        """How many rows a filter leaves, and how many there are."""
        count = search.count(self.handles, self.actor, kind, at_most=COUNTED)
        found = search.count(self.handles, self.actor, kind, filter_text, at_most=COUNTED) if filter_text else count
        return found, count

    def names(self, kind: Kind, filter_text: str = "", most: int = CHOICES) -> list[str]:
        """The names of a kind's rows, to choose one."""
        page = search.matching(self.handles, self.actor, kind, filter_text, limit=most)
        return [str(row[kind.key]) for row in page.rows]

    def show(self, kind: Kind, name: str | int) -> Mapping[str, Any]:
        """One row whole, with what belongs to it."""
        return details.show(self.handles, self.actor, kind, name)

    def standing(self) -> Standing:
        """How things stand."""
        environment = self.handles.environment
        if environment.is_sqlite and not environment.database_file.exists():
            # What is open stays open: without a look nobody would notice, and what is written now would be lost.
            raise StoreBusy(f"The database {environment.database_file} is gone: moved away or removed.")
        watching.refuse_migrated_database(self.handles, "this console")
        if not self.read_only:
            handed_in.take_in(self.handles)
        now = overview.overview(self.handles)
        trouble = self.handles.database.only_read
        return Standing(
            now.workers, now.fetching, now.outbox, now.quarantine, now.alerts, is_known=True,
            trouble=trouble, trouble_in_short="disk full" if trouble else "",
        )  # fmt: skip


def key_of(kind: Kind, row: Row) -> Cursor:
    """What names a row across refreshes."""
    return cursor_of(kind, row)
