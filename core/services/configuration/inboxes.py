"""Inboxes of mailboxes: the account that *read inbox* makes, whose server and login are the mailbox's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlmodel import Session

from core.db.bulk import table_of
from core.models import Account, AccountStatus, Mailbox, Template
from core.resources import checks
from core.resources.account import ACCOUNT
from core.services.configuration.accounts import SOURCE, add_status, stop_fetching
from core.services.lookup import living

_account, _status = table_of(Account), table_of(AccountStatus)


def follow_mailbox(session: Session, mailbox_id: int, now: datetime) -> None:
    """Make, change or put away the account of a mailbox's inbox, as the mailbox stands in this transaction."""
    mailbox = session.get(Mailbox, mailbox_id, populate_existing=True)
    if mailbox is None:
        return
    account = _account_of(session, mailbox_id)
    if not mailbox.read_inbox or mailbox.deleted_at is not None:
        if account is not None and account["deleted_at"] is None:
            _set(session, account, {"deleted_at": now}, now)
            stop_fetching(session, account["id"])
        return
    template = session.get(Template, mailbox.template_id, populate_existing=True)
    if template is None:
        return
    columns = _login(mailbox, template)
    if account is None:
        _add(session, mailbox, template, columns, now)
    else:
        _follow(session, account, columns, mailbox.name, now)


def follow_template(session: Session, template_id: int, now: datetime) -> None:
    """The same for every mailbox that sends by a template."""
    mailboxes = table_of(Mailbox)
    reading = select(mailboxes.c.id).where(mailboxes.c.template_id == template_id, mailboxes.c.read_inbox.is_(True))
    for mailbox_id in session.connection().execute(reading).scalars().all():
        follow_mailbox(session, mailbox_id, now)


def _account_of(session: Session, mailbox_id: int) -> Mapping[str, Any] | None:
    # The latest one comes back, however long ago it went: it knows what of this inbox is stored already.
    latest = (
        select(_account)
        .where(_account.c.mailbox_id == mailbox_id)
        .order_by(_account.c.deleted_at.is_(None).desc(), _account.c.id.desc())
    )
    row = session.connection().execute(latest.limit(1)).mappings().first()
    return None if row is None else dict(row)


def _login(mailbox: Mailbox, template: Template) -> dict[str, Any]:
    return {
        "type": template.incoming_type,
        "host": template.incoming_host,
        "port": template.incoming_port,
        "username": mailbox.username,
        "profile_id": mailbox.profile_id,
        "tls_ca": template.tls_ca,
        "tls_fingerprint": template.tls_fingerprint,
    }


def _add(session: Session, mailbox: Mailbox, template: Template, columns: dict[str, Any], now: datetime) -> None:
    new = insert(_account).values(
        name=_free_name(session, mailbox.name),
        folders=[template.inbox_folder],
        address=_address(mailbox.username),
        mailbox_id=mailbox.id,
        created_at=now,
        updated_at=now,
        **columns,
    )
    add_status(session, session.connection().execute(new.returning(_account.c.id)).scalar_one(), now)


def _follow(session: Session, account: Mapping[str, Any], columns: dict[str, Any], name: str, now: datetime) -> None:
    changed = {column: value for column, value in columns.items() if account[column] != value}
    if account["deleted_at"] is not None:
        taken = living(session, ACCOUNT, account["name"]) is not None
        changed |= {"deleted_at": None} | ({"name": _free_name(session, name)} if taken else {})
    if not changed:
        return
    if set(changed) & set(SOURCE):
        changed["epoch"] = account["epoch"] + 1
    if account["address"] in {"", account["username"]}:
        changed["address"] = _address(columns["username"])
    _set(session, account, changed, now)
    due = {"due_at": now, "tested_at": None, "stop_requested": False}
    session.connection().execute(update(_status).where(_status.c.account_id == account["id"]).values(**due))


def _set(session: Session, account: Mapping[str, Any], columns: dict[str, Any], now: datetime) -> None:
    grown = {**columns, "version": account["version"] + 1, "updated_at": now}
    session.connection().execute(update(_account).where(_account.c.id == account["id"]).values(**grown))


def _free_name(session: Session, name: str) -> str:
    wanted, number = name, 1
    while living(session, ACCOUNT, wanted) is not None:
        wanted, number = f"{name} inbox" if number == 1 else f"{name} inbox {number}", number + 1
    return wanted


def _address(username: str) -> str:
    return username if "@" in username and checks.mail_address(username) is None else ""
