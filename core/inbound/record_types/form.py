"""A record type that is a form: a ticket with fields of its own, each filled by a rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from core.inbound.control_headers import Controls
from core.inbound.record_types.draft import MessageView, RecordDraft, plain_draft
from core.inbound.record_types.field_rules import FieldRule, Shape, fallback_value, labelled_values, read_day
from core.inbound.trail import Complaint


@dataclass(frozen=True)
class FormType:
    """Drafts a ticket and fills its fields; a package may make one of its own with nothing but data."""

    name: str
    hook: str
    fields: tuple[FieldRule, ...]

    def draft(self, message: MessageView, controls: Controls) -> RecordDraft:
        """The record that this message makes."""
        plain = plain_draft(self.name, message, controls)
        given = {name.lower(): value for name, value in plain.fields.items()}
        written = labelled_values(self.fields, message.body())
        values: dict[str, str] = {}
        complaints: list[Complaint] = []
        for rule in self.fields:
            said = given.get(rule.name.lower()) or written.get(rule.name, "")
            value = _checked(rule, said, message)
            if said and not value:
                complaints.append(Complaint(rule.name, said, "The value is no date; the field stays empty."))
            values[rule.name] = value or fallback_value(rule.fallback, message.summary)
        own = {rule.name.lower() for rule in self.fields}
        others = {name: value for name, value in plain.fields.items() if name.lower() not in own}
        return replace(plain, fields=values | others, complaints=(*plain.complaints, *complaints))

    def with_labels(self, further: Mapping[str, tuple[str, ...]]) -> FormType:
        """The same type with further labels, by field name in lower case."""
        return replace(
            self,
            fields=tuple(
                replace(rule, labels=(*rule.labels, *further.get(rule.name.lower(), ()))) for rule in self.fields
            ),
        )


def _checked(rule: FieldRule, said: str, message: MessageView) -> str:
    if rule.shape is not Shape.DATE or not said:
        return said
    day = read_day(said, message.received_at)
    return day.isoformat() if day is not None else ""
