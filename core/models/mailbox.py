"""The mailboxes that mail leaves through."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, SQLModel

from core.models.base import Resource, big, json_list, moment, unique_while_alive


class Mailbox(Resource, table=True):
    """Our sending configuration: a login at a template's server (never an IMAP mailbox, which is a folder)."""

    __tablename__ = "mailbox"
    __table_args__ = (unique_while_alive("mailbox", "name"),)

    name: str
    template_id: int = big(foreign_key="template.id", index=True)
    active: bool = True
    read_inbox: bool = False
    default_sender: str = ""
    force_from: bool = False
    subject_prefix: str = ""
    bcc: list[str] = json_list()
    username: str = ""
    profile_id: int | None = big(foreign_key="profile.id", nullable=True)
    failover_id: int | None = big(foreign_key="mailbox.id", nullable=True)
    mime_script: str = ""
    priority: int = 10
    from_filter: list[str] = json_list()
    rate_per_minute: int = 0
    max_size: int = big(default=0)
    return_path: str = ""
    comment: str = ""


class MailboxStatus(SQLModel, table=True):
    """What senders know of a mailbox: whose turn it is, whether it cools down."""

    __tablename__ = "mailbox_status"

    mailbox_id: int = Field(primary_key=True, foreign_key="mailbox.id", sa_column_kwargs={"autoincrement": False})
    last_turn: int = big(default=0)
    """The turn it last took; the smallest of its group is next."""
    cooling_until: datetime | None = moment(nullable=True)
    failures: int = 0
    """Consecutive failures of its own."""
    last_error: str = ""
    last_sent_at: datetime | None = moment(nullable=True)
    tested_at: datetime | None = moment(nullable=True)
    certificate_expires: datetime | None = moment(nullable=True)
    """When the certificate its server showed last ends."""
    server_max_size: int = big(default=0)
    """The largest message its server takes (RFC 1870), as it last said; 0: unknown or no limit."""
    server_max_recipients: int = 0
    """The most recipients its server took in one transaction before it refused more; 0: unknown."""
    server_max_recipients_at: datetime | None = moment(nullable=True)
    """When it refused more: after a day it is asked anew, for such limits are raised too."""
    server_takes_utf8: bool | None = Field(default=None)
    """Whether its server offered SMTPUTF8 (RFC 6531) when it was asked last; none: it was not asked yet."""
    rate_taken: list[list[int]] = json_list()
    """What was taken of its rate within the last minute: pairs of a second (since 1970, UTC) and a count."""
