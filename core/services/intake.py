"""Intake by hand: messages from files, by an account's rules."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from core.handles import Handles
from core.inbound.by_hand import HandedIn, take_in_by_hand
from core.inbound.closing import RunOutcome
from core.runlog import Listener
from core.services import access, audit
from core.services.actor import Actor
from core.services.explaining import account_named


def take_in(
    handles: Handles,
    actor: Actor,
    account: str,
    files: Iterable[HandedIn],
    *,
    stop: threading.Event | None = None,
    listener: Listener | None = None,
) -> RunOutcome:
    """Take in the messages of these files as if the account had received them.

    Raises:
        NotFound: there is no such account.
        StoreBusy: another worker is at the account and stays there.
    """
    access.require(actor, "intake", "message")
    found = account_named(handles, account)
    assert found.id is not None
    outcome = take_in_by_hand(handles, found.id, files, stop=stop, listener=listener)
    after = {"run": outcome.run_id, **{name: count for name, count in outcome.counts.as_dict().items() if count}}
    line = handles.database.writing(
        lambda session: audit.note(session, actor, "intake", "account", found.name, after=after)
    )
    audit.publish(line)
    handles.changes.moved("audit")
    return outcome
