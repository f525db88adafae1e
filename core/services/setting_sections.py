"""Settings by section, described as forms want them; drawn from the one class that defines them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import cache
from typing import Any

from pydantic import BaseModel, PlainSerializer
from pydantic.fields import FieldInfo

from core.errors import BadInput, Problem
from core.handles import Handles
from core.models import Setting
from core.resources.kind import Field, FieldType, Kind
from core.services import settings
from core.services.actor import Actor
from core.services.attribute_docs import attribute_docs
from core.services.sealing import is_kept
from core.services.setting_values import DEFAULTS, LISTENER_PASSWORD
from core.settings import RuntimeSettings

_HEADINGS = {
    "Routing": ("default_queue", "plus_addressing", "use_x_envelope_to", "followup_in_body", "followup_in_attachments"),
    "Fetching": ("fetch_interval", "fetch_slots", "slots_per_host", "idle_max", "min_free_disk"),
    "Sending": ("staging_redirect", "hold_all"),
    "Records": (
        "system_id",
        "states",
        "priorities",
        "types",
        "services",
        "slas",
        "owners",
        "dynamic_fields",
        "record_labels",
    ),
}
"""Where the settings without a section stand; others follow under More."""

_LABELS = {
    "use_x_envelope_to": "X-Envelope-To",
    "followup_in_body": "Number in body",
    "followup_in_attachments": "Number in files",
    "min_free_disk": "Least free disk",
    "slas": "SLAs",
    "command": "Command",
}
"""What is called otherwise than its name."""

_REFERENCES = {"default_queue": "queue", "alerts.mailbox": "mailbox"}
_PASSWORD = Field("password", FieldType.SECRET, "Password", "Sealed; never shown again.", section="Listener")
_SECRETS = {"listener": (_PASSWORD,)}


class Section:
    """The settings that share a prefix, with the verbs that a form asks for."""

    def __init__(self, name: str) -> None:
        self.name = name
        """`retry`; empty for those without a section."""
        self.prefix = f"{name}." if name else ""
        self.kind = _described(name)
        """How a form shows it."""

    def get(self, handles: Handles, actor: Actor, _: str | int) -> dict[str, Any]:
        """The values that hold, in the form of TOML; a secret as set or not set."""
        values = settings.read(handles, actor)
        shown: dict[str, Any] = {
            field.name: values[self.prefix + field.name] for field in self.kind.fields if not field.is_secret
        }
        if LISTENER_PASSWORD.startswith(self.prefix) and self.prefix:
            with handles.database.reading() as session:
                place = settings.LISTENER
                kept = is_kept(session, place.kind, place.owner_id, place.field)
            shown[LISTENER_PASSWORD.removeprefix(self.prefix)] = "set" if kept else "not set"
        return shown

    def check(self, handles: Handles, given: Mapping[str, Any], *, name: str | int | None = None) -> Sequence[Problem]:
        """Everything that is wrong with these values, by field."""
        return [self._local(problem) for problem in settings.check(handles, self._dotted(given))]

    def change(
        self, handles: Handles, actor: Actor, _: str | int, given: Mapping[str, Any], *, version: int | None = None
    ) -> bool:
        """Change what differs; an emptied field gets its default back.

        Raises:
            BadInput: all that is wrong with them, by field; nothing was changed.
        """
        try:
            return settings.change(handles, actor, self._dotted(given))
        except BadInput as error:
            raise BadInput(problems=tuple(self._local(problem) for problem in error.problems)) from error

    def _dotted(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {self.prefix + name: self._meant(name, value) for name, value in given.items()}

    def _meant(self, name: str, value: Any) -> Any:
        field = self.kind.field(name)
        if field is not None and field.type is FieldType.WORDS and isinstance(value, str):
            return [word.strip() for word in value.split(",") if word.strip()]
        # Only what may be empty stays so; of anything else nothing means the default.
        return None if value == "" and DEFAULTS.get(self.prefix + name, "") != "" else value

    def _local(self, problem: Problem) -> Problem:
        return Problem(problem.where, problem.field.removeprefix(self.prefix), problem.text)


def section_of(setting: str) -> Section:
    """The section that a setting stands in, by its dotted name."""
    name, dot, _ = setting.partition(".")
    return Section(name if dot else "")


def describe(pause: Callable[[], object]) -> None:
    """Make all sections ready, with a pause after each: what is said of a setting stands in the program's source."""
    for name in dict.fromkeys(setting.rpartition(".")[0] for setting in DEFAULTS):
        _described(name)
        pause()


@cache
def _described(name: str) -> Kind:
    model: type[BaseModel] = RuntimeSettings
    if name:
        model = type(getattr(RuntimeSettings(), name))
    docs = attribute_docs(model)
    fields = tuple(
        _field(name, one, info, docs.get(one, ""))
        for one, info in model.model_fields.items()
        if not _is_section(info.annotation)
    )
    title = name.capitalize() or "Settings"
    ordered = fields if name else tuple(sorted(fields, key=_place))
    return Kind("setting", "settings", title, Setting, "name", columns=(), fields=(*ordered, *_SECRETS.get(name, ())))


def _field(section: str, name: str, info: FieldInfo, doc: str) -> Field:
    dotted = f"{section}.{name}" if section else name
    heading = section.capitalize() or next((title for title, names in _HEADINGS.items() if name in names), "More")
    described = {
        "name": name,
        "label": _LABELS.get(name, name.replace("_", " ").capitalize()),
        "help": doc.replace("\n", " "),
        "default": DEFAULTS[dotted],
        "section": heading,
    }
    if dotted in _REFERENCES:
        return Field(**described, type=FieldType.REFERENCE, refers_to=_REFERENCES[dotted])
    if isinstance(info.annotation, type) and issubclass(info.annotation, StrEnum):
        return Field(**described, type=FieldType.CHOICE, choices=tuple(info.annotation))
    return Field(**described, type=_type_of(info))


def _type_of(info: FieldInfo) -> FieldType:
    if info.annotation is bool:
        return FieldType.YES_NO
    if info.annotation is int and not any(isinstance(one, PlainSerializer) for one in info.metadata):
        return FieldType.NUMBER
    # Durations and sizes are written as text: "10m", "32MiB".
    return FieldType.WORDS if info.annotation == list[str] else FieldType.TEXT


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _place(field: Field) -> tuple[int, int]:
    headings = list(_HEADINGS)
    if field.section not in headings:
        return len(headings), 0
    return headings.index(field.section), _HEADINGS[field.section].index(field.name)
