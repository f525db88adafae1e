"""Settings: the list of all that holds, a form a section."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from core.resources.kind import Kind
from core.services import settings
from core.services.setting_sections import section_of
from core.services.setting_values import DEFAULTS
from core.text import safe_text
from tui.console.dialogs.confirm import Confirm, Question
from tui.console.glyphs import WARN
from tui.console.screens.form import FormScreen
from tui.console.screens.resource import ResourceScreen, named
from tui.console.troubles import Trouble
from tui.console.window import Row


class SettingsForm(FormScreen):
    """The settings that share a section; nothing is added or renamed."""

    def title_of(self, kind: Kind, name: str) -> str:
        """The section's name."""
        return "Settings" if kind.title == "Settings" else f"Settings: {kind.title}"

    @property
    def to_write(self) -> dict[str, Any]:
        """What was changed here alone: the others may have been changed elsewhere since they were read."""
        typed = {name: field.typed for name, field in self.fields.items()}
        return {name: value for name, value in self.values.items() if typed[name] != self._saved[name]}


class SettingsScreen(ResourceScreen):
    """Opens the section of the selected setting, at that setting; d gives it its default back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "open", tooltip="Open the section of the selected one", id="resource.open"),
        Binding("d", "delete", "default", tooltip="Give it its default back", id="resource.delete"),
    ]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Settings are changed; none comes or goes."""
        if action in {"edit", "delete"}:
            return self.desk.may("change", self.kind) and self.is_narrowed and self.is_current
        return super().check_action(action, parameters)

    def said_of(self, row: Row) -> Trouble:
        """What the setting is for."""
        name = str(row["name"])
        section = section_of(name)
        field = section.kind.field(name.removeprefix(section.prefix))
        if field is None:
            return Trouble("")
        is_changed = name in DEFAULTS and row["value"] != DEFAULTS[name]
        return Trouble(f"{name}: {field.help}{' Changed: d gives it that back.' if is_changed else ''}")

    def action_edit(self) -> None:
        """The selected one's section in a form."""
        if (row := self.table.selected) is None:
            return
        name = str(row["name"])
        section = section_of(name)
        form = SettingsForm(self.desk, section.kind, name, verbs=section)
        self.app.push_screen(form)
        form.call_after_refresh(form.fields[name.removeprefix(section.prefix)].widget.focus)

    def action_open(self) -> None:
        """The form, or what it is when it may not be changed."""
        if self.desk.may("change", self.kind):
            self.action_edit()
        else:
            self.action_details()

    def action_delete(self) -> None:
        """Ask, then give the marked ones their defaults back."""
        rows = self.table.marked_or_selected()
        names = [str(row["name"]) for row in rows if row["value"] != DEFAULTS.get(str(row["name"]))]
        if rows and not names:
            self.tell(f"{named([str(row['name']) for row in rows])}: the default already.", WARN)
        elif names:
            text = f"Give {safe_text(named(names))} {'its default' if len(names) == 1 else 'their defaults'} back?"
            question = Question(text, yes="Default", no="Keep")
            self.app.push_screen(Confirm(question), partial(self._confirmed_default, names))

    def _confirmed_default(self, names: list[str], is_sure: bool | None) -> None:
        if is_sure:
            desk, given = self.desk, dict.fromkeys(names)
            self.calls.ask(lambda: settings.change(desk.handles, desk.actor, given), lambda _: self._defaulted(names))

    def _defaulted(self, names: list[str]) -> None:
        self.table.unmark_all()
        self.refresh_data()
        self.tell(f"{named(names)}: the default again.")
