"""The ticket: a record with nothing more than every record has."""

from __future__ import annotations

from core.inbound.control_headers import Controls
from core.inbound.record_types.draft import MessageView, RecordDraft, plain_draft


class Ticket:
    """What a message becomes unless the account says otherwise."""

    name = "Ticket"
    hook = "Ticket#"

    def draft(self, message: MessageView, controls: Controls) -> RecordDraft:
        """The ticket that this message makes."""
        return plain_draft(self.name, message, controls)
