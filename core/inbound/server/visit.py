"""A visit: one run at its server, from the open connection to the goodbye."""

from __future__ import annotations

from dataclasses import dataclass

from core.handles import Handles
from core.inbound.due import Claimed
from core.inbound.server.connection import Connection
from core.models import Account
from core.protocols.source import Source
from core.runlog import RunLog


@dataclass(frozen=True)
class Visit:
    """What each step of a run has in hand while it is at its server."""

    handles: Handles
    claimed: Claimed
    log: RunLog
    connection: Connection

    @property
    def account(self) -> Account:
        """Whose server it is, as the account was when it was claimed."""
        return self.claimed.account

    @property
    def source(self) -> Source:
        """The wire; asked through the connection, which knows what else is outstanding."""
        return self.connection.source
