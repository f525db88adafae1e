"""What the kind's own keys do to the rows of a list: test, fetch, release, move …"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from core.resources.kind import Action, Kind
from core.text import safe_text
from tui.console import deeds, row_changes
from tui.console.dialogs.confirm import Confirm, Question
from tui.console.glyphs import GOOD, WARN
from tui.console.nouns import noun, numbered
from tui.console.screens.resource_list import ResourceList
from tui.console.window import Row

if TYPE_CHECKING:
    from tui.console.screens.detail import DetailScreen

_ON_ONE = frozenset({"test", "sign in", "route", "roundtrip", "apply", "edit", "explain"})
"""What is done to the selected row alone, whatever is marked."""


class ActingList(ResourceList):
    """A list whose kind has actions; each is asked for, done, and told."""

    def action_act(self, name: str) -> None:
        """One of the kind's own actions, on the marked rows or the selected one."""
        rows = self.table.marked_or_selected()
        if name in _ON_ONE and self.table.selected is not None:
            rows = [self.table.selected]
        self._ask_and_act(name, rows)

    def act_on(self, name: str, row: Row) -> None:
        """Do one of the kind's own actions to a row."""
        self._ask_and_act(name, [row])

    @property
    def _page(self) -> DetailScreen | None:
        """The page of a row that is open over this list."""
        pages = (one for one in self.app.screen_stack if getattr(one, "origin", None) is self)
        return cast("DetailScreen | None", next(pages, None))

    def refresh_data(self) -> None:
        """Ask again for the rows; the page of one does so, too."""
        super().refresh_data()
        if (page := self._page) is not None:
            page.look_again()

    def tell(self, text: str, tone: str = GOOD) -> None:
        """Say in passing what was done, where it can be seen."""
        if (page := self._page) is not None:
            page.tell(text, tone)
        else:
            super().tell(text, tone)

    def _ask_and_act(self, name: str, rows: list[Row]) -> None:
        action = next(one for one in self.kind.actions if one.name == name)
        if not rows and name not in {"deliver", "route", "intake"}:
            self.tell(f"No {noun(self.kind)} is selected.", WARN)
            return
        if action.asks:
            then = partial(self._sure, action, rows)
            marked = f"{numbered(self.kind, len(rows))} are marked.\n\n" if len(rows) > 1 else ""
            self.app.push_screen(Confirm(Question(marked + action.asks, yes=action.label, no="Leave")), then)
        else:
            self._act(action, rows)

    def _sure(self, action: Action, rows: list[Row], is_sure: bool | None) -> None:
        if is_sure:
            self._act(action, rows)

    def _act(self, action: Action, rows: list[Row]) -> None:
        kind: Kind = self.kind
        match action.name:
            case "test":
                self.console.orders.test(kind, str(rows[0][kind.key]))
            case "sign in" if not rows[0].get("profile"):
                self.tell(f"{rows[0][kind.key]} signs in with its password; e gives it a sign-in profile.", WARN)
            case "sign in":
                self.console.orders.sign_in(kind, str(rows[0][kind.key]), self.refresh_data)
            case "fetch":
                self.console.orders.fetch_now([str(row["name"]) for row in rows])
            case "deliver":
                self.console.orders.deliver_now()
            case "route":
                self.console.orders.route(str(rows[0]["default_sender"]) if rows else "")
            case "roundtrip":
                self.console.orders.round_trip(str(rows[0]["name"]))
            case "apply":
                self._count_stored(str(rows[0]["name"]))
            case "release" if kind.name == "quarantine":
                self.console.orders.choose_queue(partial(self._release, rows))
            case "edit" | "explain" | "intake":
                self._look_into(action.name, rows)
            case "queue" | "state":
                row_changes.change(self, kind, action.name, rows, self._acted)
            case _:
                self.calls.ask(lambda: deeds.done(self.desk, kind, action.name, rows), self._acted)

    def _count_stored(self, name: str) -> None:
        from core.services.configuration import stored_rule

        desk = self.desk

        def ask(planned: stored_rule.StoredRule) -> None:
            if not planned.messages:
                self.tell(f"Nothing to do: no message that {name} keeps on its server is stored here.", WARN)
                return
            question = Question(safe_text(f"{planned}\n\nDo it?", multiline=True), yes="Do it", no="Leave")
            self.app.push_screen(Confirm(question), lambda is_sure: self._apply_rule(name) if is_sure else None)

        self.calls.ask(lambda: stored_rule.count(desk.handles, desk.actor, name), ask)

    def _apply_rule(self, name: str) -> None:
        from core.services.configuration import stored_rule

        self.calls.ask(lambda: str(stored_rule.apply(self.desk.handles, self.desk.actor, name)), self._acted)

    def _release(self, rows: list[Row], queue: str) -> None:
        self.calls.ask(lambda: deeds.released(self.desk, rows, queue), self._acted)

    def _look_into(self, name: str, rows: list[Row]) -> None:
        """What has to do with a message's bytes."""
        if name == "intake":
            from tui.console.taking_in import take_in

            take_in(self, self._acted)
        elif name == "edit":
            from tui.console.mending import mend

            mend(self, int(rows[0]["id"]))
        else:
            from tui.console.rehearsing import show_explained

            show_explained(self.app, self.desk, int(rows[0]["id"]))

    def _acted(self, said: str) -> None:
        if self._page is None:  # else one row alone was meant
            self.table.unmark_all()
        self.refresh_data()
        self.tell(said)
