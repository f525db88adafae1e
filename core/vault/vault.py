"""The vault: secrets of resources, sealed into their table, opened for the wire alone."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, delete, or_, select
from sqlmodel import Session, col

from core.environment import Environment
from core.errors import SecretUnreadable
from core.models import Secret as StoredSecret
from core.models import Setting, Token
from core.secret import Secret
from core.vault.box import PublicKey, is_box, open_box, public_key_from, public_key_of, seal_for
from core.vault.key import Key
from core.vault.keys import Keys
from core.vault.place import KeyPlace
from core.vault.ref import Ref
from core.vault.seal import key_id_of, place_of, seal, unseal
from core.vault.sealed import REQUEST_PLACE

KEY_ID = "system.key_id"
"""The row that says which key this database's secrets are sealed with."""

KEY_HOME = "system.key_home"
"""The row that says on which machine that key was made, and where it is there."""

PUBLIC_KEY = "system.public_key"
"""The row with that key's public half, for those who may not read the key."""

_SECRET = "$secret"  # noqa: S105 - the mark of a secret, not one


class Vault:
    """Seals and opens; the key is looked for when it is first needed."""

    def __init__(self, environment: Environment) -> None:
        self._keys = Keys(environment)

    @property
    def place(self) -> KeyPlace:
        """Where the key of this machine is."""
        return self._keys.place

    @property
    def key(self) -> Key:
        """The key.

        Raises:
            ExposedFile: others can read it.
            SecretUnreadable: it is missing or may not be read by us.
        """
        return self._keys.current

    def can_open(self) -> bool:
        """Whether this process may read the key; one that may not hands such work to a worker."""
        try:
            return bool(self.key)
        except SecretUnreadable:
            return False

    # -- secrets of resources ---------------------------------------------------------------------------------------

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
            row.ref, row.sealed = "", self.seal(session, place_of(kind, owner_id, field), value.reveal().encode())
            row.key_id = key_id_of(row.sealed)
        session.add(row)
        session.flush()

    def fetch(self, session: Session, kind: str, owner_id: int, field: str) -> Secret | None:
        """A secret, or `None` if none is kept.

        Raises:
            SecretUnreadable: it cannot be opened, or what it refers to cannot be read.
        """
        given = {"whose": kind, "owner": owner_id, "which": field}
        row = session.connection().execute(_kept(), given).one_or_none()
        if row is None:
            return None
        if row.ref:
            return Ref(row.ref).read()
        return Secret(self.open(place_of(kind, owner_id, field), row.sealed or b"").decode())

    def forget(self, session: Session, kind: str, owner_id: int, field: str | None = None) -> None:
        """Drop one secret of a resource, or all of them."""
        statement = delete(StoredSecret).where(col(StoredSecret.kind) == kind, col(StoredSecret.owner_id) == owner_id)
        session.connection().execute(statement if field is None else statement.where(col(StoredSecret.field) == field))
        session.expire_all()

    # -- anything ---------------------------------------------------------------------------------------------------

    def seal(self, session: Session, place: str, content: bytes) -> bytes:
        """Seal with the key of this database; who may not read it seals with its public half.

        Args:
            session: the transaction that the sealed content is written in.
            place: what the content is bound to (`place_of`).
            content: what is to be sealed.

        Raises:
            SecretUnreadable: neither is to be had, or the key here is not this database's.
        """
        if not self.can_open() and (public := self._public(session)) is not None:
            return seal_for(public, place, content)
        return seal(self.claim_key(session), place, content)

    def open(self, place: str, sealed: bytes) -> bytes:
        """What an envelope holds.

        Raises:
            SecretUnreadable: another key sealed it, it was changed or moved, or we may not read the key.
        """
        key = self._keys.by_id(key_id_of(sealed)) or self.key
        if is_box(sealed) and key_id_of(sealed) == key.id:
            return open_box(key, place, sealed)
        return unseal(key, place, sealed)

    def seal_values(self, session: Session, values: Mapping[str, Any]) -> bytes:
        """Values with secrets among them, sealed for a request that a worker carries out."""
        plain = {
            name: {_SECRET: value.reveal()} if isinstance(value, Secret) else value for name, value in values.items()
        }
        return self.seal(session, REQUEST_PLACE, json.dumps(plain).encode())

    def open_values(self, sealed: bytes) -> dict[str, Any]:
        """The values of a request.

        Raises:
            SecretUnreadable: another key sealed them, or they were changed.
        """
        values: dict[str, Any] = json.loads(self.open(REQUEST_PLACE, sealed))
        return {
            name: Secret(value[_SECRET]) if isinstance(value, dict) and _SECRET in value else value
            for name, value in values.items()
        }

    # -- the key of this database -----------------------------------------------------------------------------------

    def known(self, key_id: str) -> bool:
        """Whether this machine has the key of that id, and we may read it."""
        try:
            return self._keys.by_id(key_id) is not None
        except SecretUnreadable:
            return False

    def sealed_with(self, key: Key, place: str, content: bytes) -> bytes:
        """An envelope of a key that is not this database's yet."""
        return seal(key, place, content)

    def claim_key(self, session: Session, *, is_changing: bool = False) -> Key:
        """The key this database's secrets are sealed with; the first to seal decides which that is.

        Two machines that start at once on one database each make a key. Until the transaction ends nobody turns to
        another key; with `is_changing` nobody else seals.

        Raises:
            SecretUnreadable: it is not here; the sentence names the one that is needed.
        """
        known = session.get(Setting, KEY_ID, with_for_update={"read": not is_changing}, populate_existing=True)
        if known is None or (known.value != self.key.id and not is_anything_sealed(session)):
            self.note_key(session, self.key)
            return self.key
        found = self._keys.by_id(str(known.value))
        if found is None:
            raise SecretUnreadable(self.needed(session))
        if session.get(Setting, PUBLIC_KEY) is None:
            self.note_key(session, found)
        return found

    def note_key(self, session: Session, key: Key) -> None:
        """Write down that secrets are sealed with this key from now on, with its public half."""
        for name, value in (
            (KEY_ID, key.id),
            (PUBLIC_KEY, public_key_of(key).written),
            (KEY_HOME, f"{platform.node()}: {self.place.name}"),
        ):
            session.merge(Setting(name=name, value=value))
        session.flush()

    def needed(self, session: Session) -> str:
        """Which key this database needs, as a sentence; empty when it is here, or none is needed.

        Raises:
            ExposedFile: others can read the key here.
            SecretUnreadable: there is none here, or we may not read it.
        """
        known, made = session.get(Setting, KEY_ID), session.get(Setting, KEY_HOME)
        if known is None or not is_anything_sealed(session) or self._keys.by_id(str(known.value)) is not None:
            return ""
        where = f" It was made on {made.value}." if made is not None else ""
        return (
            f"The secrets of this database are sealed with the key {known.value}, but the key here is {self.key.id}."
            f"{where} Copy that key to {self.place.name} on this machine, or set POSTROOM_KEY_FILE; if it is lost for "
            "good: postroom key rotate --lost"
        )

    def _public(self, session: Session) -> PublicKey | None:
        known, row = session.get(Setting, KEY_ID), session.get(Setting, PUBLIC_KEY)
        public = public_key_from(str(row.value)) if row is not None else None
        return public if public is not None and known is not None and known.value == public.key_id else None


@lru_cache(maxsize=1)
def _kept() -> Any:
    """Made once: it is executed for each connection."""
    secret: Any = StoredSecret.__table__  # type: ignore[attr-defined]
    is_it = (secret.c.kind == bindparam("whose"), secret.c.owner_id == bindparam("owner"))
    return select(secret.c.ref, secret.c.sealed).where(*is_it, secret.c.field == bindparam("which"))


def is_anything_sealed(session: Session) -> bool:
    """Whether this database holds anything that a key is needed for. Reads no ciphertext: not every role may."""
    secrets = select(col(StoredSecret.key_id)).where(col(StoredSecret.key_id) != "").exists()
    tokens = select(col(Token.key_id)).where(col(Token.key_id) != "").exists()
    return bool(session.connection().execute(select(or_(secrets, tokens))).scalar_one())
