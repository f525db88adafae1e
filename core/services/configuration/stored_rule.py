"""After a changed rule: what was stored before it came, and is on the server still, follows it on request only."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select, update
from sqlmodel import Session

from core import clock
from core.db.bulk import table_of
from core.errors import BadInput, Problem
from core.handles import Handles
from core.models import Account, AccountStatus, AccountType, AfterFetch, Audit, Message, MessageState
from core.services import access, audit
from core.services.actor import Actor
from core.services.configuration.accounts import accounts
from core.text import counted

AT_ONCE = 1000
"""Messages changed in one transaction."""

_message, _status = table_of(Message), table_of(AccountStatus)


@dataclass(frozen=True)
class StoredRule:
    """What the rule of an account would do to what is stored already."""

    account: str
    host: str
    messages: int
    """How many were kept on the server when they were fetched, or wait there still for what another rule said."""
    after_fetch: str
    move_to: str

    def __str__(self) -> str:
        what = counted(self.messages, "stored message")
        if self.after_fetch == AfterFetch.KEEP:
            return (
                f"Account {self.account}: {what} that waited to be deleted or moved on {self.host} will be left there."
            )
        how = "deleted" if self.after_fetch == AfterFetch.DELETE else f"moved to {self.move_to}"
        return f"Account {self.account}: {what} that the next run finds on {self.host} will be {how} there."


def count(handles: Handles, actor: Actor, name: str) -> StoredRule:
    """What `apply` would do, and to how many messages.

    Raises:
        NotFound: there is no such account.
        BadInput: its rule is to keep them, and none waits for another.
        NotPermitted: the role does not allow to configure accounts.
    """
    access.require(actor, "change", "account")
    account = _account(handles, actor, name)
    theirs = select(func.count()).where(_is_otherwise(account))
    with handles.database.reading() as session:
        messages = session.connection().execute(theirs).scalar_one()
    if account.after_fetch == AfterFetch.KEEP and not messages:
        text = f"{account.name} keeps its mail on the server: there is nothing to do. Set it to delete or move first."
        raise BadInput(problems=(Problem("", "after_fetch", text),))
    return StoredRule(account.name, account.host, messages, account.after_fetch, account.move_to)


def apply(handles: Handles, actor: Actor, name: str) -> StoredRule:
    """Have the next run, which is due now, do to them on the server what the account's rule says.

    Raises:
        NotFound: there is no such account.
        BadInput: its rule is to keep them, and none waits for another.
        NotPermitted: the role does not allow to configure accounts.
    """
    planned = count(handles, actor, name)
    account = _account(handles, actor, name)
    rule = {"after_fetch": account.after_fetch, "move_to": account.move_to}
    acknowledged_at = clock.utcnow() if account.after_fetch == AfterFetch.KEEP else None

    def work(session: Session) -> int:
        some = list(session.connection().scalars(select(_message.c.id).where(_is_otherwise(account)).limit(AT_ONCE)))
        changed = update(_message).where(_message.c.id.in_(some)).values(**rule, acknowledged_at=acknowledged_at)
        session.connection().execute(changed)
        return len(some)

    def close(session: Session) -> Audit:
        due = update(_status).where(_status.c.account_id == account.id).values(due_at=clock.utcnow())
        session.connection().execute(due)
        return audit.note(
            session, actor, "apply", "account", account.name, after={**rule, "messages": planned.messages}
        )

    while handles.database.writing(work) == AT_ONCE:
        continue
    audit.publish(handles.database.writing(close))
    handles.changes.moved("account", "message", "audit")
    return planned


def _account(handles: Handles, actor: Actor, name: str) -> Account:
    key = accounts.get(handles, actor, name)["id"]
    with handles.database.reading() as session:
        account = session.get(Account, key)
    assert account is not None
    return account


def _is_otherwise(account: Account) -> ColumnElement[bool]:
    """What of this source the account's rule would treat otherwise than it was or is to be."""
    folders = account.folders if AccountType(account.type).is_imap else [""]
    return (
        (_message.c.account_id == account.id)
        & (_message.c.epoch == account.epoch)
        & _message.c.folder.in_(folders)
        & _has_other_rule(account)
        & (_message.c.state != MessageState.TOO_LARGE.value)
    )


def _has_other_rule(account: Account) -> ColumnElement[bool]:
    is_other = _message.c.after_fetch != account.after_fetch
    if account.after_fetch == AfterFetch.MOVE:
        is_other |= _message.c.move_to != account.move_to
    # What the server would not do (no such folder, no right to it) waits for that and no other rule, at each run.
    waits = _message.c.acknowledged_at.is_(None) & is_other
    if account.after_fetch == AfterFetch.KEEP:
        return waits
    return waits | (_message.c.after_fetch == AfterFetch.KEEP.value)
