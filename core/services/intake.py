"""Intake by hand: messages from files, by an account's rules."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from core import clock
from core.handles import Handles
from core.inbound.batch.lookup import already_here
from core.inbound.by_hand import EPOCH, take_in_by_hand
from core.inbound.explain import Outcome, explain
from core.inbound.handed_in import HandedIn, HandedMessage, read_handed, received_at
from core.inbound.run.closing import RunOutcome
from core.inbound.stand_in import account_with_defaults
from core.mail.summary import summarise
from core.models import Account, MessageState
from core.runlog import Listener
from core.services import access, audit
from core.services.actor import Actor
from core.services.what_if.explaining import account_named, sentence


@dataclass(frozen=True)
class Foreseen:
    """What would become of one message of a file."""

    name: str
    """The file, and the message's number in it."""
    subject: str
    is_here: bool
    """It was taken in by hand before, and would be skipped."""
    outcome: Outcome
    """Where it would end, had it come alone: what comes before it in the file is not there yet."""

    @property
    def told(self) -> str:
        """The same as a sentence."""
        return "here already; it would be skipped" if self.is_here else sentence(self.outcome)


def foreseen(handles: Handles, actor: Actor, account: str, files: Iterable[HandedIn]) -> Iterator[Foreseen]:
    """What taking these files in would do, message by message; nothing is written.

    Raises:
        NotFound: there is no such account.
        NoInput: a file cannot be read.
    """
    access.require(actor, "explain", "message")
    found = account_named(handles, account)
    messages = (one for file in files for one in read_handed(file, found.max_size))
    return (_foreseen(handles, found, one) for one in messages)


def _foreseen(handles: Handles, account: Account, one: HandedMessage) -> Foreseen:
    piece = one.piece
    if piece.raw is None:
        reason = f"{piece.size:,} bytes are over the account's limit of {account.max_size:,}"
        return Foreseen(one.name, "", False, Outcome(MessageState.TOO_LARGE.value, reason=reason))
    by_hand = account_with_defaults(account.name, account.id)
    by_hand.epoch = EPOCH
    with handles.database.reading() as session:
        known = already_here(session, by_hand, [one.key]).get(one.key)
    is_here = known is not None and known.state != MessageState.TOO_LARGE.value
    outcome = explain(handles, piece.raw, account, at=received_at(piece, clock.utcnow()))
    return Foreseen(one.name, summarise(piece.raw)[1].subject, is_here, outcome)


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
