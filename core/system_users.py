"""The users and groups of this machine, by name; by number where the machine has no name for them."""

from __future__ import annotations

import os


def this_user() -> str:
    """Who this process runs as."""
    return user_name(os.geteuid())


def user_name(user_id: int) -> str:
    """The name of a user."""
    import pwd  # late: `postroom send` starts here, mostly without asking

    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return str(user_id)


def group_name(group_id: int) -> str:
    """The name of a group."""
    import grp

    try:
        return grp.getgrgid(group_id).gr_name
    except KeyError:
        return str(group_id)
