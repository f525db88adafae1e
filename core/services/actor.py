"""Who is asking: the system user, and the role the settings give."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from core.errors import NotPermitted
from core.gateway import FIRST_ADMIN
from core.handles import Handles
from core.models import Setting
from core.settings import RoleSettings
from core.system_users import this_user


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
    user = this_user()
    with handles.database.reading() as session:
        first = session.get(Setting, FIRST_ADMIN)
    is_first = os.geteuid() == 0 or (first is not None and first.value == user)
    role = Role.SUPER_SECURITY_ADMIN if is_first else role_of(user, groups_of(user), handles.settings().roles)
    if role is None:
        raise NotPermitted(
            f"{user} has no role here. An administrator names users and @groups under roles in the settings."
        )
    return Actor(user, handles.host, role)


def role_of(user: str, groups: Iterable[str], roles: RoleSettings) -> Role | None:
    """The highest role that the settings give to a user or one of its groups."""
    names = {user, *(f"@{group}" for group in groups)}
    ranked = (
        (Role.SUPER_SECURITY_ADMIN, roles.admins),
        (Role.OPERATOR, roles.operators),
        (Role.VIEWER, roles.viewers),
    )
    return next((role for role, members in ranked if names.intersection(members)), None)


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
