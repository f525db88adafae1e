"""Who still uses a thing, as a refusal to delete it says it."""

import pytest

from core.resources.catalogue import kind_named
from core.services.references import in_use

MAILBOX, ACCOUNT = kind_named("mailbox"), kind_named("account")


@pytest.mark.parametrize(
    ("mailboxes", "accounts", "said"),
    [
        (["a"], [], "1 mailbox still uses it (a)"),
        (["a", "b"], [], "2 mailboxes still use it (a, b)"),
        (["a"], ["post"], "1 mailbox and 1 account still use it (a, post)"),
        ([f"m{n}" for n in range(20)], [], f"20 mailboxes still use it ({', '.join(f'm{n}' for n in range(20))})"),
        (
            [f"m{n}" for n in range(22)], [],
            f"22 mailboxes still use it ({', '.join(f'm{n}' for n in range(20))} and 2 more)",
        ),
    ],
)  # fmt: skip
def test_those_who_use_it_are_named_twenty_at_most(mailboxes: list[str], accounts: list[str], said: str) -> None:
    users = {kind: names for kind, names in ((MAILBOX, mailboxes), (ACCOUNT, accounts)) if names}
    assert in_use(users) == said
