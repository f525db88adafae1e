"""The e-mail addresses that belong to us."""

from __future__ import annotations

from core.models.account import Validity
from core.models.base import Resource, big, unique_while_alive


class SystemAddress(Resource, table=True):
    """One of our e-mail addresses and the queue its mail goes to."""

    __tablename__ = "address"
    __table_args__ = (unique_while_alive("address", "address"),)

    address: str
    queue_id: int = big(foreign_key="queue.id", index=True)
    display_name: str = ""
    validity: str = Validity.VALID
