"""A round trip: a probe leaves through a mailbox and is seen arriving in an account."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlmodel import Session

from core import clock
from core.clock import monotonic
from core.db.bulk import table_of
from core.errors import BadInput, PostroomError, Problem, SmtpRefused
from core.handles import Handles
from core.inbound.server.opening import server_of
from core.mail.addresses import address_of
from core.models import Account, Message
from core.outbound.probe_mail import probe_mail
from core.outbound.route import Route, load_snapshot
from core.outbound.sending.connecting import connect
from core.outbox.probe_mark import new_mark
from core.outbox.return_token import made_secret
from core.protocols.probe import Step
from core.protocols.server import Timeouts
from core.protocols.smtp.submission import SubmitResult
from core.resources import checks
from core.resources.account import ACCOUNT
from core.resources.mailbox import MAILBOX
from core.services import access
from core.services.actor import Actor
from core.services.connection_tests.arriving import Awaited, await_it, done, failed, watching
from core.services.lookup import named

WITHIN = 60.0
"""Seconds that a probe is waited for."""

_message = table_of(Message)


@dataclass(frozen=True)
class _Trip:
    """What one round trip is about."""

    handles: Handles
    route: Route
    awaited: Awaited
    timeouts: Timeouts

    @property
    def sender(self) -> str:
        """What mail of this mailbox leaves as."""
        return address_of(self.route.identity.default_sender)

    @property
    def account(self) -> Account:
        """Where it is to arrive."""
        return self.awaited.account


def round_trip(
    handles: Handles,
    actor: Actor,
    mailbox: str,
    account: str,
    *,
    within: float = WITHIN,
    timeouts: Timeouts | None = None,
) -> Iterator[Step]:
    """Send a probe through a mailbox to an account's address and wait for it; the steps are watch, connect, sent,
    arrived and removed, or left.

    Whoever fetches the account meanwhile ignores the probe: it makes no record. It is removed from the server where the
    account deletes anyway, and left where it does not.

    Args:
        handles: what this process holds open.
        actor: who tests; needs the right to test both.
        mailbox: the name of the mailbox it leaves through, active or not.
        account: the name of the account it arrives in.
        within: seconds to wait for it once the relay has taken it.
        timeouts: how long each operation may take.

    Raises:
        NotFound: there is no such mailbox or account.
        BadInput: the mailbox has no sender or server, or the account no address.
    """
    access.require(actor, "test", "mailbox")
    access.require(actor, "test", "account")
    trip = handles.database.writing(lambda session: _trip(session, handles, mailbox, account, timeouts or Timeouts()))
    started = monotonic()
    try:
        watch = watching(trip.awaited)
    except PostroomError as error:
        yield failed("watch", started, error)
        return
    with closing(watch):
        yield done("watch", started, f"{trip.account.address} at {server_of(trip.account).place}")
        is_sent = False
        for step in _sent(trip):
            yield step
            is_sent = step.ok and step.step == "sent"
        if is_sent:
            yield from await_it(trip.awaited, watch, within)


def _trip(session: Session, handles: Handles, mailbox: str, account: str, timeouts: Timeouts) -> _Trip:
    row = named(session, MAILBOX, mailbox)
    received_in = session.get(Account, named(session, ACCOUNT, account)["id"])
    assert received_in is not None
    route = load_snapshot(session, is_claiming=False).routes[row["id"]]
    problems = []
    if not route.servers[0].host:
        problems.append(Problem(f"mailbox {route.name}", "template", "names no SMTP host."))
    sender = address_of(route.identity.default_sender)
    if not sender or checks.mail_address(sender):
        problems.append(Problem(f"mailbox {route.name}", "default_sender", "is missing; the probe needs a sender."))
    if not received_in.address:
        problems.append(Problem(f"account {received_in.name}", "address", "is missing; the probe is sent to it."))
    if problems:
        raise BadInput(problems=tuple(problems))
    last = session.connection().execute(select(func.max(_message.c.id))).scalar() or 0
    session.expunge(received_in)
    mark = new_mark(made_secret(session))
    return _Trip(handles, route, Awaited(handles, received_in, mark, last, timeouts), timeouts)


def _sent(trip: _Trip) -> Iterator[Step]:
    """The steps `connect` and `sent`."""
    started = monotonic()
    try:
        opened = connect(trip.handles, trip.route, trip.timeouts)
        connection = opened.connection
        tls = connection.facts.tls
        yield done("connect", started, f"{trip.route.name}: {opened.host}, {tls.version if tls else 'in clear'}")
        started = monotonic()
        result = connection.submit(trip.sender, (trip.account.address,), _probe(trip))
        connection.quit()
    except PostroomError as error:
        yield failed("connect", started, error)
        return
    if result.accepted:
        yield done("sent", started, f"from {trip.sender}: {result.reply}")
    else:
        yield failed("sent", started, result.error or _refusal(result, opened.host))


def _probe(trip: _Trip) -> bytes:
    host, mark = trip.sender.rpartition("@")[2], trip.awaited.mark
    return probe_mail(trip.sender, trip.account.address, mark, host=host, now=clock.utcnow())


def _refusal(result: SubmitResult, host: str) -> PostroomError:
    reply = result.recipients[0][1]
    reply = result.reply if reply is None or reply.is_positive else reply
    assert reply is not None  # without a reply there is an error
    text = f"The server refused the probe: {reply}."
    return SmtpRefused(text, code=reply.code, enhanced=reply.enhanced, text=reply.text, host=host, phase=result.phase)
