"""Whose a secret or token is."""

from __future__ import annotations

from typing import NamedTuple


class Owner(NamedTuple):
    """What secrets and tokens belong to: a row of a resource."""

    kind: str
    """The resource's name, as `account` or `mailbox`."""
    id: int


def login_owner(account_id: int, mailbox_id: int | None) -> Owner:
    """Whose password or token an account signs in with: its own, or that of the mailbox whose inbox it is."""
    return Owner("account", account_id) if mailbox_id is None else Owner("mailbox", mailbox_id)
