"""What one process holds open: handed to every action, opened by the gateway."""

from __future__ import annotations

import platform
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

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
    _settings: tuple[Sequence[Any], RuntimeSettings | None] = field(default=((), None), init=False, repr=False)
    """The rows that were read last, and what was made of them."""

    @property
    def mark(self) -> str:
        """What names this machine in what leaves, for loop guards: its name, where that is plain enough."""
        return mark_of(self.host)

    def settings(self) -> RuntimeSettings:
        """What holds now; read anew, because another machine may have changed it."""
        with self.database.reading() as session:
            return self.settings_in(session)

    def settings_in(self, session: Session) -> RuntimeSettings:
        """The same within a session that is open."""
        rows = session.connection().execute(_stored_settings()).all()
        known, settings = self._settings
        if settings is None or rows != known:
            settings = settings_from_rows({name: value for name, value in rows if not name.startswith("system.")})
            self._settings = (rows, settings)
        return settings

    def close(self) -> None:
        """Stop the threads and give back the connections."""
        self.renewer.close()
        self.changes.close()
        self.database.close()


@lru_cache(maxsize=1)
def _stored_settings() -> Any:
    table = table_of(Setting)
    return select(table.c.name, table.c.value).order_by(table.c.name)


def mark_of(host: str) -> str:
    """The mark of a machine of that name."""
    return host if _PLAIN.fullmatch(host) else "postroom"
