"""The names that somebody may choose among, quickly: for the completion of shells."""

from __future__ import annotations

from dataclasses import dataclass

from core.db.names import FIRST_ADMIN, ROLES, names_of
from core.environment import Environment
from core.services.access import SEE, may
from core.services.actor import Actor, role_here
from core.system_users import this_user


@dataclass(frozen=True)
class _Members:
    admins: list[str]
    operators: list[str]
    viewers: list[str]


def names_shown(environment: Environment, kind: str, beginning: str) -> list[str]:
    """The names of one kind that begin so; none to whom `list` would show none.

    Raises:
        Exception: whatever the database's driver says when it cannot be read.
    """
    names, settings = names_of(environment.database_url, kind, beginning)
    user = this_user()
    role = role_here(user, settings.get(FIRST_ADMIN), _Members(*(settings.get(name) or [] for name in ROLES)))
    return names if role is not None and may(Actor(user, "", role), SEE, kind) else []
