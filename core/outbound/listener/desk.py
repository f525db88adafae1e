"""Where the listener's connections bring what they have: a message into the outbox, a login before the vault."""

from __future__ import annotations

import hmac
import logging

from core import clock
from core.errors import BadInput, NotFound, PostroomError, StoreFull
from core.failpoints import fp
from core.handles import Handles
from core.outbound.listener.message import Arrival, read_arrival
from core.outbox.enqueue import enqueue
from core.outbox.entry import read_entry

PASSWORD = ("setting", 0, "listener.password")
"""Where the vault keeps the listener's password."""

_LONGEST_REPLY = 400

_log = logging.getLogger("postroom.listener")


class Desk:
    """Used by threads: what happens here waits for the disk."""

    def __init__(self, handles: Handles) -> None:
        self._handles = handles

    def take(self, arrival: Arrival, *, owner: str) -> str:
        """Put a message into the outbox; gives back the reply: 250 only when it is durable.

        Args:
            arrival: the message.
            owner: who sends it: who logged in, else the system user; empty where it cannot be known.
        """
        try:
            envelope, raw = read_arrival(arrival, host=self._handles.host, now=clock.utcnow())
            entry = read_entry(envelope, raw, host=self._handles.host, submitted_by=f"{owner} (smtp)".lstrip())
            message_id = enqueue(self._handles, entry)
        except PostroomError as error:
            _log.warning("not taken from %s: %s", owner or "an unknown user", error)
            return refusal(error)
        fp("K19")
        _log.info("taken from %s: %s", owner or "an unknown user", message_id)
        return f"250 2.0.0 Queued as {message_id}"

    def knows(self, username: str, login: tuple[bytes, bytes]) -> bool:
        """Whether these are the name and password of the settings.

        Raises:
            PostroomError: the database or the key is out of reach.
        """
        with self._handles.database.reading() as session:
            password = self._handles.vault.fetch(session, *PASSWORD)
        if not username or not password:
            return False
        # Both are compared, in a time that tells nothing of either.
        same_name = hmac.compare_digest(login[0], username.encode())
        same_password = hmac.compare_digest(login[1], password.reveal().encode())
        return same_name and same_password


def refusal(error: PostroomError) -> str:
    """The reply that an error becomes: 5yz where trying again is pointless (RFC 5321 §4.2.1, RFC 3463).

    What is wrong with a message its sender must know; where our database is, he need not.
    """
    match error:
        case BadInput() | NotFound():
            text = " ".join(str(error).split()).encode("ascii", "replace").decode()[:_LONGEST_REPLY]
            return f"550 5.6.0 {text}"
        case StoreFull():
            return "452 4.3.1 The disk is full; try again later"
        case _:
            return "451 4.3.0 The message cannot be stored now; try again later"
