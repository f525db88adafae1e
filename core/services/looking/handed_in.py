"""What was handed in and lies in the drop folder comes into the outbox before somebody looks there."""

from __future__ import annotations

from core.errors import CannotWrite, NotPermitted, StoreFull
from core.handles import Handles
from core.outbox.pick_up import has_mail, pick_up


def take_in(handles: Handles) -> str:
    """Pick it up; gives back why some of it is left there, as a sentence, empty if nothing is.

    Who looks and may not read the folder, or write, still sees what is there: a worker picks it up.
    """
    if not has_mail(handles.environment.drop):
        return ""
    try:
        pick_up(handles)
    except StoreFull as error:
        return str(error)
    except (CannotWrite, NotPermitted):
        pass
    return ""
