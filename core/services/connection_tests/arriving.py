"""The far end of a round trip: the mailbox is watched until the probe is seen, on its server or in the database."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select

from core import clock
from core.clock import elapsed_ms, monotonic
from core.db.bulk import table_of
from core.errors import PostroomError, Throttled, WireError
from core.handles import Handles
from core.inbound.server.opening import logged_in_as, server_of
from core.models import Account, AccountType, AfterFetch, Message
from core.outbound.probe_mail import word_of
from core.protocols.causes import advice, cause_of
from core.protocols.imap.source import ImapSource
from core.protocols.pop3.source import Pop3Source
from core.protocols.probe import Step
from core.protocols.server import Timeouts
from core.protocols.sessions import open_imap, open_pop3
from core.protocols.sighting import ImapWatch, Pop3Watch, Sighting

Watch = ImapWatch | Pop3Watch

_PAUSES = {True: 0.5, False: 2.0}
"""Seconds between two looks, by whether the account speaks IMAP: with POP3 each look is a login."""

_message = table_of(Message)


@dataclass(frozen=True)
class Awaited:
    """What is waited for, and where."""

    handles: Handles
    account: Account
    mark: str
    last_message: int
    """The highest message stored before it was sent."""
    timeouts: Timeouts


def watching(awaited: Awaited) -> Watch:
    """The account's mailbox, opened before anything is sent: nothing is sent in vain.

    Raises:
        ConfigurationError: there is no password, or somebody must sign in.
        WireError: the server cannot be reached or refuses, or a folder is not there.
    """
    account, server, timeouts = awaited.account, server_of(awaited.account), awaited.timeouts

    def imap() -> ImapSource:
        return logged_in_as(awaited.handles, account, lambda login: open_imap(server, login, timeouts=timeouts))

    def pop3() -> Pop3Source:
        return logged_in_as(awaited.handles, account, lambda login: open_pop3(server, login, timeouts=timeouts))

    watch: Watch = ImapWatch(imap(), account.folders) if AccountType(account.type).is_imap else Pop3Watch(pop3)
    try:
        watch.begin()
    except BaseException:
        watch.drop()
        raise
    return watch


def await_it(awaited: Awaited, watch: Watch, within: float) -> Iterator[Step]:
    """The steps `arrived`, and `removed` or `left`."""
    started, deadline = monotonic(), clock.Deadline(within)
    try:
        while not deadline.is_over():
            if (state := _fetched(awaited)) is not None:
                yield done("arrived", started, f"and was fetched already, as {state}: it makes no record")
                return
            if (sighting := _look(watch, awaited)) is not None:
                yield done("arrived", started, f"in {sighting.folder or 'the mailbox'} of {awaited.account.name}")
                yield _cleared(awaited, watch, sighting)
                return
            time.sleep(min(_PAUSES[isinstance(watch, ImapWatch)], max(deadline.remaining(), 0.0)))
        yield _missed(awaited, watch.look_aside(word_of(awaited.mark)), started, within)
    except WireError as error:
        yield failed("arrived", started, error)


def _look(watch: Watch, awaited: Awaited) -> Sighting | None:
    try:
        return watch.look(word_of(awaited.mark))
    except Throttled:
        return None  # a worker has the mailbox open, and POP3 lets in one at a time


def _fetched(awaited: Awaited) -> str | None:
    """The state in which the probe was stored meanwhile; none if it was not."""
    stored = select(_message.c.state).where(
        _message.c.id > awaited.last_message,
        _message.c.account_id == awaited.account.id,
        _message.c.subject.contains(word_of(awaited.mark)),
    )
    with awaited.handles.database.reading() as session:
        state: str | None = session.connection().execute(stored).scalar()
    return state


def _cleared(awaited: Awaited, watch: Watch, sighting: Sighting) -> Step:
    started = monotonic()
    if awaited.account.after_fetch != AfterFetch.DELETE:
        return done("left", started, "on the server, as the account keeps mail; the next fetch makes no record of it")
    if watch.remove(sighting):
        return done("removed", started, "from the server, as the account deletes what it fetches")
    return done("left", started, "on the server, which did not remove it; the next fetch makes no record of it")


def _missed(awaited: Awaited, aside: Sighting | None, started: float, within: float) -> Step:
    account = awaited.account
    text = (
        f"Not seen in {account.name} within {within:g} s. It may still come: look at the relay's queue and log, and "
        f"whether mail for {account.address} ends in this account."
    )
    if aside is not None:
        text = f"It arrived in {aside.folder}: the server takes it for junk. Have the sender allowed there."
    return Step("arrived", False, elapsed_ms(started), text)


def done(step: str, started: float, detail: str) -> Step:
    """A step that went well."""
    return Step(step, True, elapsed_ms(started), detail)


def failed(step: str, started: float, error: PostroomError) -> Step:
    """A step that did not, with what to change."""
    cause = cause_of(error)
    return Step(step, False, elapsed_ms(started), advice(error), cause.name if cause else "", None, error)
