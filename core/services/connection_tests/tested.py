"""What a passed test leaves behind, and whether something is saved that no test has passed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Table, select, update
from sqlmodel import Session

from core import clock
from core.db.bulk import table_of
from core.handles import Handles
from core.models import AccountStatus, MailboxStatus, Template
from core.protocols.findings import Announced, Shown
from core.protocols.probe import Step
from core.resources.account import ACCOUNT
from core.resources.kind import Kind
from core.resources.mailbox import MAILBOX
from core.resources.template import TEMPLATE
from core.services.configuration import accounts, mailboxes
from core.services.editing.drafts import drafted, read_given
from core.services.lookup import Stored, named
from core.services.references import users_of

LOGINS = {ACCOUNT.name: accounts.LOGIN, MAILBOX.name: mailboxes.LOGIN}
"""The fields that a test vouches for, by the kinds that have a connection to be tested."""


def remember(
    handles: Handles, kind: Kind, name: str | int, steps: Iterable[Step] = (), as_of: tuple[int, ...] | None = None
) -> None:
    """Note that something has passed its test just now, and what the server said of itself.

    Args:
        handles: what this process holds open.
        kind: account or mailbox.
        name: of what is saved.
        steps: the steps of the test.
        as_of: the `versions` that were tested; nothing is noted if they have moved meanwhile.
    """
    columns = {"tested_at": clock.utcnow(), **_learned(kind, steps)}
    if kind is MAILBOX:
        # What was wrong with it is mended: it need not cool down any longer.
        columns |= {"failures": 0, "cooling_until": None, "last_error": ""}

    def work(session: Session) -> None:
        row = named(session, kind, name)
        if as_of is None or as_of == versions(session, kind, row):
            status = _status(kind)
            statement = update(status).where(next(iter(status.primary_key)) == row["id"])
            session.connection().execute(statement.values(**columns))

    handles.database.writing(work)
    handles.changes.moved(kind.name)


def versions(session: Session, kind: Kind, row: Stored) -> tuple[int, ...]:
    """The versions of what makes a connection: the row's, and its template's."""
    if kind is not MAILBOX:
        return (row["version"],)
    template = table_of(Template)
    its = select(template.c.version).where(template.c.id == row["template_id"])
    return (row["version"], session.connection().execute(its).scalar_one())


def is_untested(handles: Handles, kind: Kind, given: Mapping[str, Any], *, name: str | int | None = None) -> bool:
    """Whether saving these values would leave a connection that no test has passed as it then is."""
    login = LOGINS.get(kind.name)
    if login is None:
        return False
    with handles.database.reading() as session:
        row = None if name is None else named(session, kind, name)
        draft = drafted(session, kind, row, read_given(kind, given))
        if draft.row_id is None or draft.moved(*login):
            return True
        status = _status(kind)
        tested = select(status.c.tested_at).where(next(iter(status.primary_key)) == draft.row_id)
        return session.connection().execute(tested).scalar() is None


def untested_among(handles: Handles, saved: Iterable[tuple[Kind, str]]) -> list[tuple[Kind, str]]:
    """Those that no test has passed as they are now; for a template, the mailboxes that send by it."""
    connections: dict[tuple[str, str], Kind] = {}
    with handles.database.reading() as session:
        for kind, name in saved:
            if kind is TEMPLATE:
                users = users_of(session, TEMPLATE, named(session, TEMPLATE, name)["id"])
                connections |= {(MAILBOX.name, user): MAILBOX for user in users.get(MAILBOX, [])}
            elif kind.name in LOGINS:
                connections[kind.name, str(named(session, kind, name)[kind.key])] = kind
        untested = {kind.name: _untested(session, kind) for kind in connections.values()}
    return [(kind, name) for (_, name), kind in connections.items() if name in untested[kind.name]]


def _untested(session: Session, kind: Kind) -> set[str]:
    status, table = _status(kind), table_of(kind.model)
    names = (
        select(table.c.name)
        .join(status, next(iter(status.primary_key)) == table.c.id)
        .where(status.c.tested_at.is_(None), table.c.deleted_at.is_(None))
    )
    return set(session.connection().scalars(names))


def _status(kind: Kind) -> Table:
    return table_of(AccountStatus if kind is ACCOUNT else MailboxStatus)


def _learned(kind: Kind, steps: Iterable[Step]) -> dict[str, Any]:
    learned: dict[str, Any] = {}
    for step in steps:
        match step.found:
            case Shown(expires):
                learned["certificate_expires"] = expires
            case Announced(size_limit, takes_utf8) if kind is MAILBOX:
                learned |= {"server_max_size": size_limit, "server_takes_utf8": takes_utf8}
    return learned
