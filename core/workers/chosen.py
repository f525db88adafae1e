"""Which accounts a person asks for, by name or all valid ones, and in which order they come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from core.errors import InvalidAccount, NotFound
from core.handles import Handles
from core.inbound.due import accounts_named
from core.models import Account, Validity


def chosen(handles: Handles, names: Sequence[str] | None) -> Sequence[Account]:
    """The accounts of these names, or all valid ones.

    Raises:
        NotFound: there is no account of a name.
        InvalidAccount: a named account is invalid.
    """
    accounts = accounts_named(handles, names)
    _refuse(handles, names or (), accounts)
    return accounts


def _refuse(handles: Handles, names: Sequence[str], accounts: Sequence[Account]) -> None:
    found = {account.name: account for account in accounts}
    for name in names:
        if name not in found:
            from core.resources.account import ACCOUNT
            from core.resources.unknown import unknown

            raise NotFound(unknown(ACCOUNT, name, (valid.name for valid in accounts_named(handles, None))))
        if found[name].validity != Validity.VALID:
            raise InvalidAccount(
                f"Account {name} is {found[name].validity} and was not fetched. Make it valid first: "
                f"postroom set account {name} validity=valid"
            )


def in_turn(accounts: Sequence[Account]) -> list[Account]:
    """The accounts in their order, but one of each server before the second of any: no server takes all threads."""
    places: Counter[str] = Counter()
    ranked: list[tuple[int, int, Account]] = []
    for number, account in enumerate(accounts):
        ranked.append((places[account.host], number, account))
        places[account.host] += 1
    return [account for _, _, account in sorted(ranked, key=lambda one: one[:2])]
