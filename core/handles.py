"""What one process holds open: handed to every action, opened by the gateway."""

from __future__ import annotations

import platform
import re
import uuid
from dataclasses import dataclass, field

from sqlalchemy import select

from core.db.bulk import table_of
from core.db.changes import ChangeFeed
from core.db.doors import Database
from core.db.leases import Renewer
from core.environment import Environment
from core.models import Setting
from core.settings import RuntimeSettings, settings_from_rows
from core.vault.vault import Vault

_PLAIN = re.compile(r"[!-~]{1,200}")

LEASE_SECONDS = 60.0
"""How long a claim lasts unless it is renewed; the renewer does so three times as often."""


@dataclass
class Handles:
    """The database, the vault and the name this process goes by."""

    environment: Environment
    database: Database
    vault: Vault
    changes: ChangeFeed
    renewer: Renewer
    worker_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    """New with every process: a restarted worker is another one."""
    host: str = field(default_factory=platform.node)
    """The machine's name."""

    @property
    def mark(self) -> str:
        """What names this machine in what leaves, for loop guards: its name, where that is plain enough."""
        return mark_of(self.host)

    def settings(self) -> RuntimeSettings:
        """What holds now; read anew, because another machine may have changed it."""
        table = table_of(Setting)
        with self.database.reading() as session:
            rows = session.connection().execute(select(table.c.name, table.c.value)).all()
        return settings_from_rows({name: value for name, value in rows if not name.startswith("system.")})

    def close(self) -> None:
        """Stop the threads and give back the connections."""
        self.renewer.close()
        self.changes.close()
        self.database.close()


def mark_of(host: str) -> str:
    """The mark of a machine of that name."""
    return host if _PLAIN.fullmatch(host) else "postroom"
