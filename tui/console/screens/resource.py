"""The one list screen: what its keys do; new, edit, delete, bring back, and the kind's own actions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import ClassVar

from textual.binding import Binding, BindingType

from core import clock
from core.errors import PostroomError
from core.resources.account import ACCOUNT
from core.resources.kind import Kind
from core.resources.system import SETTING
from core.services.configuration.catalogue import resource_of
from core.text import safe_text
from tui.console import deeds, topics
from tui.console.cells import span
from tui.console.desk import key_of
from tui.console.dialogs.choose import Choice, Choose
from tui.console.dialogs.confirm import Confirm, Question
from tui.console.glyphs import WARN
from tui.console.nouns import noun, numbered
from tui.console.screens.acting import ActingList
from tui.console.widgets.row_table import RowTable
from tui.console.window import Row, Window

_ON_ROWS = frozenset({"edit", "open", "delete", "details", "mark", "mark_all", "copy", "act"})
"""What is done to the marked rows or the selected one."""

MARKED_AT_MOST = 1000
"""Rows marked by one key."""

NAMED_AT_MOST = 8
"""Names in a sentence."""


class ResourceScreen(ActingList):
    """A kind's list, with keys from its description."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "new", tooltip="Add one", id="resource.new"),
        Binding("e", "edit", "edit", tooltip="Change the selected one", id="resource.edit"),
        Binding("enter", "open", "open", tooltip="Open the selected one", id="resource.open"),
        Binding("d", "delete", "delete", tooltip="Delete the marked ones, or the selected one", id="resource.delete"),
        Binding("i", "details", "details", tooltip="Everything about the selected one", show=False),
        Binding("u", "restore", "undelete", tooltip="Bring back what was deleted in the last 24 hours", show=False),
        Binding("space", "mark", "mark", tooltip="Mark for an action on several", show=False),
        Binding("asterisk", "mark_all", "mark all", tooltip="Mark all that are listed, or unmark them", show=False),
        Binding("y", "copy", "copy", tooltip="Copy the selected one's name; of a message, its Message-ID", show=False),
        Binding("w", "write", "write", tooltip="Write the marked ones to a file, or all that is listed", show=False),
    ]

    _deleted: tuple[str, ...] = ()
    """The names deleted last from here, to bring back."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether a key means something here and now."""
        kind, desk = self.kind, self.desk
        is_allowed = True
        if action in {"new", "edit", "delete", "restore"}:
            verb = {"new": "add", "edit": "change"}.get(action, action)
            is_allowed = kind.is_editable and desk.may(verb, kind)
        elif action == "act":
            is_allowed = desk.may(str(parameters[0]), kind) or desk.may("change", kind)
        if is_allowed and action in _ON_ROWS and not self.is_narrowed:
            return None
        return is_allowed and super().check_action(action, parameters)

    def on_row_table_opened(self, _: RowTable.Opened) -> None:
        """A double click."""
        self.action_open()

    # -- opening ----------------------------------------------------------------------------------------------------

    def action_new(self) -> None:
        """An empty form."""
        from tui.console.screens.form import FormScreen

        self.app.push_screen(FormScreen(self.desk, self.kind))

    def action_edit(self) -> None:
        """The selected one in a form."""
        from tui.console.screens.form import FormScreen

        if (row := self.table.selected) is not None:
            self.app.push_screen(FormScreen(self.desk, self.kind, str(row[self.kind.key])))

    def action_open(self) -> None:
        """The form of what is edited here, the details of everything else."""
        if self.kind.is_editable and self.desk.may("change", self.kind):
            self.action_edit()
        else:
            self.action_details()

    def action_details(self) -> None:
        """Everything about the selected one."""
        from tui.console.screens.detail import detail_screen

        if (row := self.table.selected) is not None:
            self.app.push_screen(detail_screen(self.desk, self.kind, row, self))

    def step(self, rows: int) -> Row | None:
        """Select the row so many further down, or up, and give it back; none at the end of what is held."""
        before = self.table.cursor
        self.table.action_move(rows)
        return self.table.selected if self.table.cursor != before else None

    def edit(self, row: Row) -> None:
        """Open a row's form."""
        self.table.select_key(key_of(self.kind, row))
        self.action_edit()

    # -- deleting ---------------------------------------------------------------------------------------------------

    def action_delete(self) -> None:
        """Ask, then delete."""
        names = [str(row[self.kind.key]) for row in self.table.marked_or_selected()]
        if not names:
            return
        text = deleting(self.kind, names)
        self.app.push_screen(Confirm(Question(text, yes="Delete", no="Keep")), partial(self._confirmed_delete, names))

    def _confirmed_delete(self, names: list[str], is_sure: bool | None) -> None:
        if not is_sure:
            return
        verbs, desk = resource_of(self.kind), self.desk

        def work() -> tuple[list[str], PostroomError | None]:
            gone: list[str] = []
            for name in names:
                try:
                    verbs.delete(desk.handles, desk.actor, name)
                except PostroomError as refusal:
                    return gone, refusal
                gone.append(name)
            return gone, None

        self.calls.ask(work, self._gone)

    def _gone(self, outcome: tuple[list[str], PostroomError | None]) -> None:
        gone, refusal = outcome
        self._deleted = tuple(gone) or self._deleted
        self.table.unmark_all()
        self.refresh_data()
        if gone:
            self.tell(f"Deleted {named(gone)}. u brings {'it' if len(gone) == 1 else 'them'} back.")
        if refusal is not None:
            self.app.push_screen(Confirm(Question(safe_text(str(refusal), multiline=True), yes="", no="Close")))

    def action_restore(self) -> None:
        """Bring back what was deleted last from here, else one of those that were deleted anywhere."""
        if self._deleted:
            names, self._deleted = self._deleted, ()
            self._restore(names)
            return
        verbs, desk = resource_of(self.kind), self.desk
        self.calls.ask(lambda: verbs.restorable(desk.handles, desk.actor), self._ask_which)

    def _ask_which(self, gone: list[tuple[str, datetime]]) -> None:
        if not gone:
            self.tell(f"No {noun(self.kind)} was deleted in the last 24 hours.", WARN)
            return
        now = clock.utcnow()
        choices = [Choice(name, name, f"deleted {span((now - at).total_seconds())} ago") for name, at in gone]

        def chosen(name: str | None) -> None:
            if name is not None:
                self._restore((name,))

        self.app.push_screen(Choose(f"Bring back which {noun(self.kind)}?", choices), chosen)

    def _restore(self, names: tuple[str, ...]) -> None:
        verbs, desk = resource_of(self.kind), self.desk

        def work() -> None:
            for name in names:
                verbs.restore(desk.handles, desk.actor, name)

        self.calls.ask(work, lambda _: self._restored(names))

    def _restored(self, names: tuple[str, ...]) -> None:
        self.select_named(names[-1])
        self.tell(f"{named(names)} {'is' if len(names) == 1 else 'are'} back.")

    # -- marking, copying, writing ----------------------------------------------------------------------------------

    def action_mark(self) -> None:
        """Mark the selected one."""
        self.table.toggle_mark()
        self.count()

    def action_mark_all(self) -> None:
        """Mark all that the filter leaves; when anything is marked, nothing."""
        if self.table.marked:
            self.action_back()
            return
        kind, desk, text = self.kind, self.desk, self.filter_box.text
        self.calls.ask(lambda: desk.first_window(kind, text, MARKED_AT_MOST), self._mark_listed, lane="mark")

    def _mark_listed(self, listed: Window) -> None:
        self.table.mark(listed.rows)
        self.count()
        if listed.has_after:
            self.tell(f"The first {numbered(self.kind, len(listed.rows))} are marked; a filter names the others.", WARN)

    def action_copy(self) -> None:
        """Copy the selected one's name, or its Message-ID."""
        if (row := self.table.selected) is not None:
            self.console.orders.copy(deeds.name_to_copy(self.kind, row))

    def action_write(self) -> None:
        """Write the marked rows, else all that is listed, to a file; of messages the bytes of the selected one."""
        rows = self.table.marked_or_selected()
        kind, desk, text, is_marked = self.kind, self.desk, self.filter_box.text, bool(self.table.marked)
        if kind.name in deeds.HAVE_BYTES and len(rows) == 1:
            self.calls.ask(lambda: deeds.written_whole(desk, kind, rows[0]), self.tell)
        else:
            self.calls.ask(lambda: deeds.written(desk, kind, rows if is_marked else [], text), self.tell)


def deleting(kind: Kind, names: Sequence[str]) -> str:
    """The question before rows of those names are deleted; what it keeps, nobody needs to fear for."""
    are_several = len(names) > 1
    what = f"these {numbered(kind, len(names))}: {named(names)}" if are_several else f"{noun(kind)} {named(names)}"
    they = "They" if are_several else "It"
    kept = " What was fetched stays." if kind is ACCOUNT else ""
    return f"Delete {what}?\n\n{they} can be brought back with u for 24 hours.{kept}"


def named(names: Sequence[str]) -> str:
    """Names in a sentence, no more of them than it can bear."""
    rest = f" and {len(names) - NAMED_AT_MOST} more" if len(names) > NAMED_AT_MOST else ""
    return ", ".join(names[:NAMED_AT_MOST]) + rest


def resource_screen(kind: Kind) -> type[ResourceScreen]:
    """The list screen of a kind: its own bindings come from its actions."""
    bindings: list[BindingType] = [
        Binding(
            action.key,
            f"act('{action.name}')",
            action.label.lower(),
            tooltip=action.tooltip,
            id=f"{kind.name}.{action.name}",
        )
        for action in kind.actions
    ]
    from tui.console.screens.settings import SettingsScreen

    place = kind.plural
    return type(
        f"{kind.name.title()}Screen",
        (SettingsScreen if kind is SETTING else ResourceScreen,),
        {"kind": kind, "place": place, "topics": topics.of_list(kind), "BINDINGS": bindings},
    )
