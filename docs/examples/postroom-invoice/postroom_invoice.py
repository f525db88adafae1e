"""A record type of one's own: what an account turns questions about invoices into."""

from __future__ import annotations

import re
from dataclasses import replace

from core.inbound.record_types import Controls, FieldRule, FormType, MessageView, RecordDraft, Shape

_INVOICE_NUMBER = re.compile(r"\bINV-\d{4,10}\b", re.IGNORECASE)

_FORM = FormType(
    "Invoice Query",
    "Invoice#",
    (
        FieldRule("InvoiceNumber", "The invoice it is about: INV-12345.", ("invoice number", "invoice", "invoice no")),
        FieldRule("Amount", "What is in question, as it is written.", ("amount", "total")),
        FieldRule("DueDate", "When it is to be paid.", ("due date", "payable by"), shape=Shape.DATE),
    ),
)


class InvoiceQuery:
    """The form above, and one rule in code: a number in the subject counts where the body names none."""

    name = _FORM.name
    hook = _FORM.hook
    fields = _FORM.fields

    def draft(self, message: MessageView, controls: Controls) -> RecordDraft:
        """The record that this message makes."""
        draft = _FORM.draft(message, controls)
        if draft.fields["InvoiceNumber"]:
            return draft
        found = _INVOICE_NUMBER.search(message.summary.subject)
        number = found[0].upper() if found else ""
        return replace(draft, fields={**draft.fields, "InvoiceNumber": number})
