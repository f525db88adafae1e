"""The token that a mailbox's return path holds for each message; see `core.outbox.return_token`."""

from __future__ import annotations

from functools import cached_property

from core.handles import Handles
from core.outbound.compose import TOKEN, Identity
from core.outbox.return_token import made_secret, secret_of, token_of


class ReturnTokens:
    """Reckons them; what they are reckoned with is read, or made, when the first is needed."""

    def __init__(self, handles: Handles) -> None:
        self._handles = handles

    def of(self, outgoing_id: int, identity: Identity) -> str:
        """The token of a message; empty where the mailbox's return path holds none."""
        return token_of(self._secret, outgoing_id) if TOKEN in identity.return_path else ""

    @cached_property
    def _secret(self) -> bytes:
        with self._handles.database.reading() as session:
            secret = secret_of(session)
        return secret or self._handles.database.writing(made_secret)
