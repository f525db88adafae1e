"""Who is asking: the system user, and the role the settings give."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from core.db.names import FIRST_ADMIN
from core.errors import NotPermitted
from core.system_users import this_user

if TYPE_CHECKING:
    from core.handles import Handles  # whoever has them has imported all that they are made of


class Members(Protocol):
    """Users and `@groups` by role, as the settings name them."""

    @property
    def admins(self) -> Sequence[str]:
        """Super security admins."""

    @property
    def operators(self) -> Sequence[str]:
        """Operators."""

    @property
    def viewers(self) -> Sequence[str]:
        """Viewers."""


class Role(StrEnum):
    """What somebody may do."""

    SUPER_SECURITY_ADMIN = "super security admin"
    """Everything."""
    OPERATOR = "operator"
    """Runs, retries, releases; no secrets, no configuration, no templates."""
    VIEWER = "viewer"
    """Looks; no templates."""


@dataclass(frozen=True)
class Actor:
    """A person at a machine; the audit log names both."""

    user: str
    host: str
    role: Role

    def __str__(self) -> str:
        return f"{self.user}@{self.host}"


def current_actor(handles: Handles) -> Actor:
    """The system user of this process, with the role that the settings give.

    Raises:
        NotPermitted: the settings give none.
    """
    from core.models import Setting  # late: completion asks for a role without what describes the tables

    user = this_user()
    with handles.database.reading() as session:
        first = session.get(Setting, FIRST_ADMIN)
    role = role_here(user, None if first is None else first.value, handles.settings().roles)
    if role is None:
        raise NotPermitted(
            f"{user} has no role here. An administrator names users and @groups under roles in the settings."
        )
    return Actor(user, handles.host, role)


def role_here(user: str, first_admin: str | None, members: Members) -> Role | None:
    """The role of this process's user: root has the highest, and so has who ran `init`."""
    if os.geteuid() == 0 or first_admin == user:
        return Role.SUPER_SECURITY_ADMIN
    return role_of(user, groups_of(user), members)


def role_of(user: str, groups: Iterable[str], members: Members) -> Role | None:
    """The highest role that the settings give to a user or one of its groups."""
    names = {user, *(f"@{group}" for group in groups)}
    ranked = (
        (Role.SUPER_SECURITY_ADMIN, members.admins),
        (Role.OPERATOR, members.operators),
        (Role.VIEWER, members.viewers),
    )
    return next((role for role, named in ranked if names.intersection(named)), None)


def groups_of(user: str) -> list[str]:
    """The names of a system user's groups."""
    try:
        ids = os.getgrouplist(user, pwd.getpwnam(user).pw_gid)
    except KeyError:
        return []
    names = []
    for group_id in ids:
        try:
            names.append(grp.getgrgid(group_id).gr_name)
        except KeyError:
            continue
    return names
