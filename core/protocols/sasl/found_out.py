"""What was found to work at a server that refused something before it, for as long as this process lives.

Else each connection would begin with a failed login, and servers count these.
"""

from __future__ import annotations

_worked: dict[tuple[str, str], str] = {}


def worked(place: str, username: str) -> str:
    """The mechanism by which this user got in there after another was refused; empty: there is none."""
    return _worked.get((place, username), "")


def note(place: str, username: str, name: str) -> None:
    """From now on it is tried first; an empty name forgets what was known."""
    if name:
        _worked[place, username] = name
    else:
        _worked.pop((place, username), None)
