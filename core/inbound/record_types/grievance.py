"""The grievance: what somebody complains of, where and when it was."""

from core.inbound.record_types.field_rules import Fallback, FieldRule, Shape
from core.inbound.record_types.form import FormType

GRIEVANCE = FormType(
    "Grievance",
    "Grievance#",
    (
        FieldRule(
            "Category", "What it is about: roads, noise, staff.", ("category", "type of grievance", "subject area")
        ),
        FieldRule(
            "Complainant",
            "Who complains; the sender, unless the message says otherwise.",
            ("complainant", "name of complainant", "complaint by", "complainant name"),
            fallback=Fallback.SENDER,
        ),
        FieldRule("Location", "Where it was.", ("location", "place", "address of incident", "where")),
        FieldRule(
            "IncidentDate",
            "When it was, as a day.",
            ("incident date", "date of incident", "date of the incident", "when"),
            shape=Shape.DATE,
        ),
    ),
)
