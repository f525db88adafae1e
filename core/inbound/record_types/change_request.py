"""The change request: what shall be changed, into what, and why."""

from core.inbound.record_types.field_rules import Fallback, FieldRule, Shape
from core.inbound.record_types.form import FormType

CHANGE_REQUEST = FormType(
    "Change Request",
    "Change#",
    (
        FieldRule("Target", "The system or thing to be changed.", ("target", "system", "affected system", "asset")),
        FieldRule(
            "RequestedChange",
            "What shall be different; the subject, unless the message says otherwise.",
            ("requested change", "change", "change requested", "description of change"),
            shape=Shape.TEXT,
            fallback=Fallback.SUBJECT,
        ),
        FieldRule("Justification", "Why.", ("justification", "reason", "business reason"), shape=Shape.TEXT),
    ),
)
