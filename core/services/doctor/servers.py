"""The doctor at the servers: whether each valid account and each mailbox that sends gets in, from this machine."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, or_, select
from sqlmodel import Session, col

from core.errors import ConfigurationError, NotPermitted, PostroomError, Throttled, Unreachable
from core.handles import Handles
from core.inbound.server.opening import logged_in_as, server_of
from core.models import WORKER_ALIVE_FOR, Account, AccountStatus, AccountType, Secret, Validity, Worker
from core.outbound.route import Route, Snapshot, load_snapshot
from core.outbound.sending.connecting import connect
from core.protocols.causes import advice
from core.protocols.server import Login, Timeouts
from core.protocols.sessions import open_imap, open_pop3, opening_imap, opening_pop3
from core.protocols.smtp.connection import open_smtp
from core.protocols.source import Source
from core.protocols.tls import Security
from core.services.doctor.finding import Finding, Level
from core.services.signing_in.sign_in_status import State, standings_in
from core.text import counted

TIMEOUTS = Timeouts(connect=10.0, login=15.0, command=15.0)
"""Shorter than a worker's: somebody waits for the answer."""

AT_ONCE = 16
"""Connections at once; to one server no more than `slots_per_host`."""


@dataclass(frozen=True)
class Door:
    """What an account or a mailbox goes in by."""

    kind: str
    name: str
    host: str
    enter: Callable[[], None]
    """Connects as a worker does, and leaves; without the key as far as one gets without signing in."""


def servers(handles: Handles, now: datetime) -> Iterator[Finding]:
    """Name, port, certificate and login of each: how many get in, and a finding for each that does not.

    Left out are accounts that a worker has open this moment or a person has paused, and those for which somebody must
    sign in, which is a finding of its own.
    """
    with handles.database.reading() as session:
        waiting = {(one.kind, one.name) for one in standings_in(session, now) if one.state is State.NEEDS_SIGN_IN}
        open_now, accounts = _accounts(session, now)
    snapshot, signs_in = _snapshot(handles), _reads_secrets(handles)
    doors = [_account_door(handles, account, signs_in=signs_in) for account in accounts]
    doors += [
        _mailbox_door(handles, route, signs_in=signs_in)
        for route in (_sending(snapshot) if snapshot is not None else ())
    ]
    doors = [door for door in doors if (door.kind, door.name) not in waiting]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        lanes = pool.map(_tried, _lanes(doors, handles.settings().slots_per_host))
        tried = [one for lane in lanes for one in lane]
    let_in = Counter(door.kind for door, closed in tried if closed is None)
    let_in["account"] += open_now
    yield Finding("servers", Level.OK, _sum(let_in, signs_in=signs_in, has_mailboxes=snapshot is not None))
    yield from sorted((closed for _, closed in tried if closed is not None), key=lambda finding: finding.check)


def _sum(let_in: Counter[str], *, signs_in: bool, has_mailboxes: bool) -> str:
    accounts, mailboxes = counted(let_in["account"], "account"), counted(let_in["mailbox"], "mailbox", "mailboxes")
    told = f"{accounts} and {mailboxes} {'get in' if signs_in else 'find their server'}"
    if not signs_in:
        told += "; signing in was not tried: the key is the service's"
    # What templates hold is an administrator's, also by the rights of the database (PostgreSQL).
    return told if has_mailboxes else f"{told}; mailboxes were not looked at: templates are an administrator's"


def _lanes(doors: Iterable[Door], per_host: int) -> list[list[Door]]:
    """One after the other within a lane; of each server so many lanes as it may be asked at once."""
    by_host: defaultdict[str, list[Door]] = defaultdict(list)
    for door in doors:
        by_host[door.host].append(door)
    return [group[start::per_host] for group in by_host.values() for start in range(min(per_host, len(group)))]


def _tried(lane: Sequence[Door]) -> list[tuple[Door, Finding | None]]:
    """Each door, and what is wrong with it; at a server that cannot be reached the rest is not waited for."""
    tried: list[tuple[Door, Finding | None]] = []
    for number, door in enumerate(lane, start=1):
        try:
            door.enter()
        except PostroomError as error:
            left = lane[number:] if isinstance(error, Unreachable) else []
            tried.append((door, _closed(door, error, left)))
            if left:
                break
        else:
            tried.append((door, None))
    return tried


def _closed(door: Door, error: PostroomError, left: Collection[Door]) -> Finding:
    # A server that wants to be left alone for a while lets us in later.
    level = Level.WARNING if isinstance(error, Throttled) else Level.ERROR
    text = f"{advice(error).rstrip('.')}. Step by step: postroom test {door.kind} {door.name}"
    if left:
        text += f". At this server, not tried: {counted(len(left), 'other')}"
    return Finding(f"{door.kind} {door.name}", level, text)


def _reads_secrets(handles: Handles) -> bool:
    """Whether the key is ours to read, and by the rights of the database (PostgreSQL) what it opens."""
    try:
        with handles.database.reading() as session:
            session.execute(select(col(Secret.sealed)).limit(1))
    except NotPermitted:
        return False
    return handles.vault.can_open()


def _accounts(session: Session, now: datetime) -> tuple[int, Sequence[Account]]:
    """How many valid accounts a worker has open this moment, and the others."""
    status = AccountStatus
    is_alive = exists().where(col(Worker.id) == status.idle_owner, col(Worker.heartbeat_at) > now - WORKER_ALIVE_FOR)
    is_open = or_(col(status.lease_until) > now, is_alive)
    valid = (
        select(Account, is_open)
        .join(status, col(status.account_id) == col(Account.id))
        .where(col(Account.validity) == Validity.VALID.value, col(Account.deleted_at).is_(None))
        .where(col(status.paused).is_(False))
        .order_by(col(Account.name))
    )
    found = session.execute(valid).all()
    return sum(bool(is_open) for _, is_open in found), [account for account, is_open in found if not is_open]


def _account_door(handles: Handles, account: Account, *, signs_in: bool) -> Door:
    server, is_imap = server_of(account), AccountType(account.type).is_imap

    def opened(login: Login) -> Source:
        return (open_imap if is_imap else open_pop3)(server, login, timeouts=TIMEOUTS)

    def enter() -> None:
        if signs_in:
            source = logged_in_as(handles, account, opened)
            try:
                source.close()
            finally:
                source.drop()
            return
        last = "tls" if server.security is Security.STARTTLS else "greeting"
        steps = (opening_imap if is_imap else opening_pop3)(server, Login(account.username), TIMEOUTS)
        while next(steps).step != last:
            pass
        steps.close()

    return Door("account", account.name, account.host, enter)


def _snapshot(handles: Handles) -> Snapshot | None:
    try:
        with handles.database.reading() as session:
            return load_snapshot(session, is_claiming=False)
    except NotPermitted:
        return None


def _sending(snapshot: Snapshot) -> list[Route]:
    """The mailboxes that mail may leave by: active ones, and their failovers."""
    facts = snapshot.roster.mailboxes.values()
    failovers = {one.failover for one in facts if one.active}
    return [snapshot.routes[one.id] for one in facts if one.active or one.id in failovers]


def _mailbox_door(handles: Handles, route: Route, *, signs_in: bool) -> Door:
    def enter() -> None:
        if not route.servers[0].host:
            raise ConfigurationError("Its template names no SMTP host.")
        if signs_in:
            connect(handles, route, TIMEOUTS).connection.quit()
        else:
            _greeted(route, route.ehlo_name or handles.host or "localhost")

    return Door("mailbox", route.name, route.servers[0].host, enter)


def _greeted(route: Route, ehlo_name: str) -> None:
    """As far as the relay's answer to EHLO."""
    *others, last = route.servers
    for server in others:
        with suppress(Unreachable):
            open_smtp(server, None, ehlo_name=ehlo_name, timeouts=TIMEOUTS).quit()
            return
    open_smtp(last, None, ehlo_name=ehlo_name, timeouts=TIMEOUTS).quit()
