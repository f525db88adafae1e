"""What was found to work at a server that refused something before it, for as long as this process lives.

Else each connection would begin with a failed login, and servers count these.
"""

from __future__ import annotations

from typing import NamedTuple


class Way(NamedTuple):
    """A way to sign in."""

    name: str
    form: int = 0
    """Which of the forms that the password has for it."""


_worked: dict[tuple[str, str], Way] = {}


def worked(place: str, username: str) -> Way | None:
    """The way in which this user got in there after another was refused, if there is one."""
    return _worked.get((place, username))


def note(place: str, username: str, way: Way) -> None:
    """From now on it is tried first."""
    _worked[place, username] = way


def forget(place: str, username: str) -> None:
    """It does not work any more."""
    _worked.pop((place, username), None)
