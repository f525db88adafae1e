"""The mailboxes as senders see them: where each connects, how it dresses a message, how it has fared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, select
from sqlmodel import Session

from core.db.alike import database_time
from core.db.bulk import table_of
from core.mail.strict_address import strict_address
from core.models import Mailbox, MailboxStatus, Template
from core.outbound.decisions.compose import Identity
from core.outbound.decisions.rate import Rate
from core.outbound.decisions.roster import MailboxFacts, Roster
from core.protocols.server import Server
from core.protocols.tls import Security, TlsTrust

LIMIT_HOLDS = timedelta(days=1)
"""After this a server is offered as many recipients as there are once more: it may take more than it did."""


@dataclass(frozen=True, slots=True)
class Route:
    """One mailbox's way out."""

    mailbox_id: int
    name: str
    servers: tuple[Server, ...]
    """The template's, and its fallback for when nothing answers there."""
    has_login: bool
    username: str
    has_profile: bool
    """Whether it signs in with a profile in place of a password."""
    ehlo_name: str
    """Empty: this host's."""
    identity: Identity
    version: tuple[int, int]
    """Of mailbox and template: a connection opened for another one is not used."""
    failures: int = 0
    """In a row."""
    last_error: str = ""
    has_rate: bool = False
    server_max_size: int = 0
    """The largest message its server takes, as it last said; 0: unknown, or no limit."""
    server_max_recipients: int = 0
    """The most recipients its server took in one transaction before it refused more; 0: unknown."""
    server_takes_utf8: bool | None = None
    """Whether its server offered SMTPUTF8 when it was asked last; `None`: it was not asked yet."""


@dataclass(frozen=True)
class Standing:
    """What it takes to tell who would send: no more than anybody may read."""

    roster: Roster
    last_turn: int
    """The highest turn that was taken."""
    rates: Mapping[int, Rate]
    """Of the mailboxes that have one."""


@dataclass(frozen=True)
class Snapshot(Standing):
    """All mailboxes at one moment."""

    routes: Mapping[int, Route]


@dataclass(frozen=True, slots=True)
class _Fared:
    """A mailbox's status."""

    last_turn: int = 0
    cooling_until: datetime | None = None
    failures: int = 0
    last_error: str = ""
    server_max_size: int = 0
    server_max_recipients: int = 0
    """0: it is not known, or was learned too long ago."""
    server_takes_utf8: bool | None = None
    rate_taken: Sequence[Sequence[int]] = ()


_mailbox, _template = table_of(Mailbox).c, table_of(Template).c
_DECIDING = (
    _mailbox.id,
    _mailbox.name,
    _mailbox.active,
    _mailbox.priority,
    _mailbox.from_filter,
    _mailbox.failover_id,
    _mailbox.max_size,
    _mailbox.rate_per_minute,
    _template.smtp_host,
    _template.deleted_at.label("template_deleted_at"),
)
_SENDING = (
    _mailbox.default_sender,
    _mailbox.force_from,
    _mailbox.subject_prefix,
    _mailbox.bcc,
    _mailbox.return_path,
    _mailbox.mime_script,
    _mailbox.username,
    _mailbox.profile_id,
    _mailbox.version.label("mailbox_version"),
    _template.version.label("template_version"),
    _template.smtp_port,
    _template.smtp_security,
    _template.smtp_auth,
    _template.fallback,
    _template.fallback_port,
    _template.fallback_security,
    _template.ehlo_name,
    _template.tls_ca,
    _template.tls_fingerprint,
)


def load_standing(session: Session) -> Standing:
    """How the mailboxes stand, for whoever asks who would send; not every role may read what sending takes."""
    return _standing(_rows(session, _DECIDING), _load_fared(session, database_time(session), is_claiming=False))


def load_snapshot(session: Session, *, is_claiming: bool) -> Snapshot:
    """All mailboxes that are not deleted; while claiming, their turns are nobody else's to take."""
    rows = _rows(session, (*_DECIDING, *_SENDING))
    fared = _load_fared(session, database_time(session), is_claiming=is_claiming)
    nothing = _Fared()
    standing = _standing(rows, fared)
    return Snapshot(
        roster=standing.roster,
        last_turn=standing.last_turn,
        rates=standing.rates,
        routes={row.id: _route(row, fared.get(row.id, nothing)) for row in rows},
    )


def _rows(session: Session, columns: Sequence[Any]) -> Sequence[Any]:
    asked = (
        select(*columns)
        .join(table_of(Template), _template.id == _mailbox.template_id)
        .where(_mailbox.deleted_at.is_(None))
        .order_by(_mailbox.id)
    )
    return session.connection().execute(asked).all()


def _standing(rows: Sequence[Any], fared: Mapping[int, _Fared]) -> Standing:
    nothing = _Fared()
    return Standing(
        roster=Roster(_facts(row, fared.get(row.id, nothing)) for row in rows),
        last_turn=max((one.last_turn for one in fared.values()), default=0),
        rates={
            row.id: Rate.read(row.rate_per_minute, fared.get(row.id, nothing).rate_taken)
            for row in rows
            if row.rate_per_minute
        },
    )


def _load_fared(session: Session, now: datetime, *, is_claiming: bool) -> dict[int, _Fared]:
    status = table_of(MailboxStatus).c
    asked = select(
        status.mailbox_id,
        status.last_turn,
        status.cooling_until,
        status.failures,
        status.last_error,
        status.server_max_size,
        case((status.server_max_recipients_at > now - LIMIT_HOLDS, status.server_max_recipients), else_=0),
        status.server_takes_utf8,
        status.rate_taken,
    ).order_by(status.mailbox_id)
    if is_claiming:
        asked = asked.with_for_update()
    return {key: _Fared(*rest) for key, *rest in session.connection().execute(asked)}


def _facts(row: Any, fared: _Fared) -> MailboxFacts:
    return MailboxFacts(
        id=row.id,
        name=row.name,
        active=row.active,
        priority=row.priority,
        from_filter=tuple(row.from_filter),
        failover=row.failover_id,
        cooling_until=fared.cooling_until,
        last_turn=fared.last_turn,
        max_size=min(filter(None, (row.max_size, fared.server_max_size)), default=0),
        takes_utf8=fared.server_takes_utf8,
        can_send=bool(row.smtp_host) and row.template_deleted_at is None,
    )


def _route(row: Any, fared: _Fared) -> Route:
    return Route(
        mailbox_id=row.id,
        name=row.name,
        servers=_servers(row),
        has_login=row.smtp_auth,
        username=row.username,
        has_profile=row.profile_id is not None,
        ehlo_name=row.ehlo_name,
        identity=Identity(
            name=row.name,
            default_sender=row.default_sender or _own_address(row.username),
            force_from=row.force_from,
            subject_prefix=row.subject_prefix,
            bcc=tuple(row.bcc),
            return_path=row.return_path,
            mime_script=row.mime_script,
        ),
        version=(row.mailbox_version, row.template_version),
        failures=fared.failures,
        last_error=fared.last_error,
        has_rate=bool(row.rate_per_minute),
        server_max_size=fared.server_max_size,
        server_max_recipients=fared.server_max_recipients,
        server_takes_utf8=fared.server_takes_utf8,
    )


def _own_address(username: str) -> str:
    """A user name that is an address is a sender too; without one, mail with no From would leave with none."""
    try:
        return strict_address(username) if "@" in username else ""
    except ValueError:
        return ""


def _servers(row: Any) -> tuple[Server, ...]:
    trust = TlsTrust(row.tls_ca, row.tls_fingerprint)
    first = Server(row.smtp_host, row.smtp_port, Security(row.smtp_security), trust)
    if not row.fallback:
        return (first,)
    return (first, Server(row.smtp_host, row.fallback_port, Security(row.fallback_security), trust))
