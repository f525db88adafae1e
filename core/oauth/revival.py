"""What a sign-in brings back to work: the account is due, the mailbox no longer cools down."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update
from sqlmodel import Session

from core.db.bulk import table_of
from core.models import Account, AccountStatus, MailboxStatus, Status, Validity
from core.vault.owner import Owner

_account, _status, _mailbox_status = table_of(Account), table_of(AccountStatus), table_of(MailboxStatus)


def revive(session: Session, owner: Owner, now: datetime) -> None:
    """Make due what waited for this sign-in; one that was given up for want of it is valid again."""
    theirs = _account.c.id == owner.id if owner.kind == "account" else _account.c.mailbox_id == owner.id
    accounts = select(_account.c.id).where(theirs)
    waited = _status.c.account_id.in_(accounts) & (_status.c.status == Status.NEEDS_SIGN_IN.value)
    given_up = _account.c.id.in_(select(_status.c.account_id).where(waited))
    execute = session.connection().execute
    execute(
        update(_account)
        .where(given_up, _account.c.validity == Validity.INVALID_TEMPORARILY.value)
        .values(validity=Validity.VALID.value)
    )
    well: dict[str, Any] = {"status": Status.OK.value, "failures": 0, "first_failure_at": None, "last_error": ""}
    execute(update(_status).where(waited).values(retry_after=None, idle_after=None, **well))
    execute(update(_status).where(_status.c.account_id.in_(accounts)).values(due_at=now))
    if owner.kind == "mailbox":
        cool: dict[str, Any] = {"cooling_until": None, "failures": 0, "last_error": ""}
        waits = or_(_mailbox_status.c.failures > 0, _mailbox_status.c.cooling_until.is_not(None))
        execute(update(_mailbox_status).where(_mailbox_status.c.mailbox_id == owner.id, waits).values(cool))
