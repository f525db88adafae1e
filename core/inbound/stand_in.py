"""The account of a message that has none: with all defaults, which trust nobody and dispatch by To."""

from __future__ import annotations

from core import clock
from core.models import Account

DELETED = "deleted account"
"""What an account that is gone for good is called."""


def account_with_defaults(name: str = "", account_id: int | None = None) -> Account:
    """An account that stands in no table, with the defaults of a new one."""
    now = clock.utcnow()
    return Account(id=account_id, name=name, type="IMAPS", host="", username="", created_at=now, updated_at=now)
