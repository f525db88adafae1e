"""The vault: secrets of resources, sealed into their table, opened for the wire alone."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete
from sqlmodel import Session, col

from core.environment import Environment
from core.errors import SecretUnreadable
from core.models import Secret as StoredSecret
from core.models import Setting
from core.secret import Secret
from core.vault.key import Key, find_key
from core.vault.ref import Ref
from core.vault.seal import place_of, seal, unseal

KEY_ID = "system.key_id"
"""The row that says which key this database's secrets are sealed with."""

_REQUEST = "request"
_SECRET = "$secret"  # noqa: S105 - the mark of a secret, not one


def login_owner(account_id: int, mailbox_id: int | None) -> tuple[str, int]:
    """Whose password an account signs in with: its own, or that of the mailbox whose inbox it is."""
    return ("account", account_id) if mailbox_id is None else ("mailbox", mailbox_id)


class Vault:
    """Seals and opens; the key is looked for when it is first needed."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._key: Key | None = None
        self._lock = threading.Lock()

    @property
    def key(self) -> Key:
        """The key.

        Raises:
            ExposedFile: others can read it.
            SecretUnreadable: it is missing or may not be read by us.
        """
        with self._lock:
            if self._key is None:
                self._key = find_key(self._environment)
            return self._key

    def can_open(self) -> bool:
        """Whether this process may read the key; one that may not hands such work to a worker."""
        try:
            return bool(self.key)
        except SecretUnreadable:
            return False

    def store(self, session: Session, kind: str, owner_id: int, field: str, value: Secret | Ref) -> None:
        """Keep a secret, sealed, or a reference to where it is read at each use.

        Raises:
            SecretUnreadable: there is no key, or it is not the one this database's secrets are sealed with.
        """
        row = session.get(StoredSecret, (kind, owner_id, field)) or StoredSecret(
            kind=kind, owner_id=owner_id, field=field
        )
        if isinstance(value, Ref):
            row.ref, row.sealed, row.key_id = value.place, None, ""
        else:
            self._claim_key(session)
            place = place_of(kind, owner_id, field)
            row.ref, row.sealed, row.key_id = "", seal(self.key, place, value.reveal().encode()), self.key.id
        session.add(row)
        session.flush()

    def fetch(self, session: Session, kind: str, owner_id: int, field: str) -> Secret | None:
        """A secret, or `None` if none is kept.

        Raises:
            SecretUnreadable: it cannot be opened, or what it refers to cannot be read.
        """
        row = session.get(StoredSecret, (kind, owner_id, field))
        if row is None:
            return None
        if row.ref:
            return Ref(row.ref).read()
        return Secret(unseal(self.key, place_of(kind, owner_id, field), row.sealed or b"").decode())

    def forget(self, session: Session, kind: str, owner_id: int, field: str | None = None) -> None:
        """Drop one secret of a resource, or all of them."""
        statement = delete(StoredSecret).where(col(StoredSecret.kind) == kind, col(StoredSecret.owner_id) == owner_id)
        session.connection().execute(statement if field is None else statement.where(col(StoredSecret.field) == field))
        session.expire_all()

    def seal_values(self, values: Mapping[str, Any]) -> bytes:
        """Values with secrets among them, sealed for a request that a worker carries out."""
        plain = {
            name: {_SECRET: value.reveal()} if isinstance(value, Secret) else value for name, value in values.items()
        }
        return seal(self.key, _REQUEST, json.dumps(plain).encode())

    def open_values(self, sealed: bytes) -> dict[str, Any]:
        """The values of a request.

        Raises:
            SecretUnreadable: another key sealed them, or they were changed.
        """
        values: dict[str, Any] = json.loads(unseal(self.key, _REQUEST, sealed))
        return {
            name: Secret(value[_SECRET]) if isinstance(value, dict) and _SECRET in value else value
            for name, value in values.items()
        }

    def _claim_key(self, session: Session) -> None:
        # Two machines that start at once on one database each make a key: the first to seal decides.
        known = session.get(Setting, KEY_ID)
        if known is None:
            session.add(Setting(name=KEY_ID, value=self.key.id))
        elif known.value != self.key.id:
            raise SecretUnreadable(
                f"The secrets of this database are sealed with the key {known.value}, but the key here is "
                f"{self.key.id}. Copy the right key to this machine, or set POSTROOM_KEY_FILE."
            )
