"""What only somebody who looks can notice: that no worker is there."""

from __future__ import annotations

import logging

from core.attendance import tell_unattended
from core.errors import PostroomError
from core.handles import Handles

_log = logging.getLogger("postroom.alerts")


def notice_unattended(handles: Handles) -> None:
    """Open or close the alerts about work that nobody does, as far as this user may write them."""
    try:
        tell_unattended(handles)
    except PostroomError as error:
        _log.info("alerts were not brought up to date: %s", error)  # looking goes on
