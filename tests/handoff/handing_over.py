"""Hand-offs, mail for them, and handing over by hand."""

import io
import threading
from contextlib import nullcontext
from typing import Any

from sqlalchemy import update

from core.db.bulk import table_of
from core.handles import Handles
from core.handoff.deliver import Limits
from core.inbound.handed_in import HandedIn
from core.models import Delivery, HandoffStatus
from core.services.actor import Actor
from core.services.intake import take_in
from core.workers.handoff import Handover
from tests.accounts import LONG_AGO, rows_of
from tests.handoff.receiver import Receiver
from tests.services.worlds import add
from tests.waiting import PATIENCE

ANSWER = ("References: <1@mail.example.org>",)


def hand_in(handles: Handles, actor: Actor, *messages: bytes) -> None:
    files = [
        HandedIn(f"{number}.eml", lambda one=one: nullcontext(io.BytesIO(one))) for number, one in enumerate(messages)
    ]
    assert take_in(handles, actor, "a", files).error == ""


def handoff(handles: Handles, actor: Actor, name: str = "crm", **values: Any) -> int:
    way = {} if values.keys() & {"command", "url"} else {"command": "/bin/true"}
    values = {"command": "", **way, **values}
    return add(handles, actor, "handoff", name, **values)


def posting(handles: Handles, actor: Actor, receiver: Receiver, name: str = "crm", **values: Any) -> int:
    return handoff(handles, actor, name, url=receiver.url, secret="s3cret", **values)


def hand_over(handles: Handles) -> None:
    """One pass, as `--worker --once` makes it."""
    Handover(handles, threading.Event(), limits=Limits(seconds=PATIENCE)).run(once=True)


def states(handles: Handles) -> list[tuple[str, int]]:
    return [(row.state, row.attempts) for row in rows_of(handles, Delivery, "id")]


def let_time_pass(handles: Handles) -> None:
    """As if every wait were over."""

    def work(session: Any) -> None:
        session.connection().execute(update(table_of(Delivery)).values(next_attempt_at=LONG_AGO))
        session.connection().execute(update(table_of(HandoffStatus)).values(rests_until=None))

    handles.database.writing(work)
