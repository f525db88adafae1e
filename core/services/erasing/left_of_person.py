"""What erasing finds of a person and leaves, with the reason: whoever answers a request has to say that too."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sqlalchemy import String, cast, or_, select
from sqlmodel import Session, SQLModel

from core.db.bulk import table_of
from core.db.doors import Database
from core.db.stretches import stretches
from core.mail.naming import Naming
from core.models import (
    Account,
    Audit,
    Filter,
    Handoff,
    Mailbox,
    Profile,
    Queue,
    Setting,
    SystemAddress,
    Template,
    Token,
)

_KINDS: tuple[tuple[str, type[SQLModel], str], ...] = (
    ("template", Template, "name"),
    ("mailbox", Mailbox, "name"),
    ("account", Account, "name"),
    ("profile", Profile, "name"),
    ("queue", Queue, "name"),
    ("address", SystemAddress, "address"),
    ("filter", Filter, "name"),
    ("handoff", Handoff, "name"),
    ("setting", Setting, "name"),
)


_token = table_of(Token)


@dataclass(frozen=True)
class Left:
    """Some of what is left."""

    kind: str
    """message, outbox, audit, or a kind of resource."""
    names: tuple[str, ...]
    """Ids or names."""
    why: str
    """Why it is left, and what to do."""


def left_of(database: Database, naming: Naming) -> tuple[Left, ...]:
    """What the audit log and the configuration say of a person."""
    return (*_audit_lines(database, naming), *_configured(database, naming))


def mentions_left(kind: str, ids: Collection[int]) -> Iterator[Left]:
    """Messages of others that name the person in their text."""
    if ids:
        why = f"others' mail that names the address in its text alone: postroom show {kind} ID; --text erases it too"
        yield Left(kind, tuple(map(str, sorted(ids))), why)


def waiting_left(ids: Collection[int]) -> Iterator[Left]:
    """Messages that are not over."""
    if ids:
        why = "still to be sent: cancel first (postroom outbox cancel ID), then erase again"
        yield Left("outbox", tuple(map(str, sorted(ids))), why)


def _audit_lines(database: Database, naming: Naming) -> Iterator[Left]:
    audit = table_of(Audit)
    texts = (audit.c.actor, audit.c.name, cast(audit.c.before, String), cast(audit.c.after, String))
    says_so = or_(*(text.icontains(naming.address, autoescape=True) for text in texts))
    found: list[str] = []
    for low, high in stretches(database, audit.c.id):
        asked = select(audit.c.id, *texts).where(audit.c.id.between(low, high), says_so).order_by(audit.c.id)
        with database.reading() as session:
            rows = session.connection().execute(asked)
            found += [str(key) for key, *said in rows if naming.is_in(*said)]
    if found:
        why = "lines of the audit log: nobody may change them; they go after retention.audit, if that is set"
        yield Left("audit", tuple(found), why)


def _configured(database: Database, naming: Naming) -> Iterator[Left]:
    for kind, model, name in _KINDS:
        with database.reading() as session:
            names = tuple(_naming(session, model, name, naming))
        if names:
            yield Left(kind, names, f"configuration: to change it, postroom set {kind} NAME FIELD=VALUE")
    with database.reading() as session:
        signed_in = select(_token.c.kind, _token.c.owner_id, _token.c.signed_in_as)
        rows = session.connection().execute(signed_in).all()
    if owners := tuple(f"{row.kind} {row.owner_id}" for row in rows if naming.is_in(row.signed_in_as)):
        yield Left("sign-in", owners, "who signed in for it: somebody else may (postroom oauth login)")


def _naming(session: Session, model: type[SQLModel], name: str, naming: Naming) -> Iterator[str]:
    for row in session.connection().execute(select(table_of(model))).mappings():
        fields = [each for each, value in row.items() if naming.is_in(value)]
        if fields:
            gone = ", deleted" if row.get("deleted_at") else ""
            yield f"{row[name]} ({', '.join(fields)}{gone})"
