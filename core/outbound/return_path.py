"""The token of each message, for its return path and its envelope id; see `core.outbox.return_token`."""

from __future__ import annotations

from functools import cached_property

from core.handles import Handles
from core.outbox.return_token import made_secret, secret_of, token_of


class ReturnTokens:
    """Reckons them; what they are reckoned with is read, or made, when the first is needed."""

    def __init__(self, handles: Handles) -> None:
        self._handles = handles

    def of(self, outgoing_id: int) -> str:
        """The token of a message."""
        return token_of(self._secret, outgoing_id)

    @cached_property
    def _secret(self) -> bytes:
        with self._handles.database.reading() as session:
            secret = secret_of(session)
        return secret or self._handles.database.writing(made_secret)
