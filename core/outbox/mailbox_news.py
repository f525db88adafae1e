"""How a mailbox fares, written down: failures and limits, the turns it took, what was taken of its rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, update
from sqlmodel import Session

from core.db.bulk import insert_missing, table_of
from core.models import MailboxStatus
from core.outbox.said import kept

_status = table_of(MailboxStatus)


@dataclass(frozen=True, slots=True)
class MailboxNews:
    """What is now known of a mailbox."""

    mailbox_id: int
    failures: int = 0
    """In a row; none: it works."""
    cooling_until: datetime | None = None
    error: str = ""
    server_max_size: int | None = None
    """The largest message its server takes, if that is news."""
    server_max_recipients: int | None = None
    """The most recipients its server takes in one transaction, if that is news."""
    server_takes_utf8: bool | None = None
    """Whether its server offers SMTPUTF8, if that is news."""
    has_sent: bool = True
    """Whether its server took something, where nothing failed."""


def write_news(session: Session, news: MailboxNews, now: datetime) -> None:
    """Write it down; what is no news stays as it is."""
    values: dict[str, Any] = {}
    if news.failures or news.has_sent:
        values = {"failures": news.failures, "cooling_until": news.cooling_until, "last_error": kept(news.error)}
    if not news.failures and news.has_sent:
        values["last_sent_at"] = now
    if news.server_max_size is not None:
        values["server_max_size"] = news.server_max_size
    if news.server_max_recipients is not None:
        values["server_max_recipients"] = news.server_max_recipients
        values["server_max_recipients_at"] = now
    if news.server_takes_utf8 is not None:
        values["server_takes_utf8"] = news.server_takes_utf8
    insert_missing(session, MailboxStatus, [{"mailbox_id": news.mailbox_id, "last_turn": 0, "failures": 0}])
    session.connection().execute(update(_status).where(_status.c.mailbox_id == news.mailbox_id).values(**values))


def write_rates(session: Session, taken: Mapping[int, list[list[int]]]) -> None:
    """What was taken of rates within the last minute, by mailbox."""
    if taken:
        insert_missing(session, MailboxStatus, [{"mailbox_id": key, "failures": 0} for key in taken])
        session.connection().execute(
            update(_status).where(_status.c.mailbox_id == bindparam("of")).values(rate_taken=bindparam("pairs")),
            [{"of": key, "pairs": pairs} for key, pairs in taken.items()],
        )


def write_turns(session: Session, turns: Mapping[int, int]) -> None:
    """The turns that were taken, by mailbox."""
    if turns:
        rows = [{"of": key, "turn": turn} for key, turn in sorted(turns.items())]
        insert_missing(session, MailboxStatus, [{"mailbox_id": row["of"], "failures": 0} for row in rows])
        session.connection().execute(
            update(_status).where(_status.c.mailbox_id == bindparam("of")).values(last_turn=bindparam("turn")), rows
        )
