"""The accounts that mail is fetched from."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlmodel import Field, SQLModel

from core.models.base import BigId, Resource, big, json_list, moment, unique_while_alive


class AccountType(StrEnum):
    """How an account is reached."""

    IMAP = "IMAP"
    """IMAP in clear; only for servers on this machine or a trusted line."""
    IMAPS = "IMAPS"
    """IMAP over TLS from the first byte (RFC 8314)."""
    IMAPTLS = "IMAPTLS"
    """IMAP that turns to TLS with STARTTLS before the login (RFC 3501 §6.2.1)."""
    POP3 = "POP3"
    """POP3 in clear."""
    POP3S = "POP3S"
    """POP3 over TLS from the first byte."""
    POP3TLS = "POP3TLS"
    """POP3 that turns to TLS with STLS before the login (RFC 2595)."""

    @property
    def is_imap(self) -> bool:
        """Whether it speaks IMAP."""
        return self.value.startswith("IMAP")

    @property
    def security(self) -> str:
        """`none`, `starttls` or `tls`."""
        return "starttls" if self.value.endswith("TLS") else "tls" if self.value.endswith("S") else "none"

    @property
    def default_port(self) -> int:
        """The port unless one is set."""
        return {"IMAPS": 993, "POP3": 110, "POP3S": 995, "POP3TLS": 110}.get(self.value, 143)


class Validity(StrEnum):
    """Whether a resource counts."""

    VALID = "valid"
    """It counts."""
    INVALID = "invalid"
    """It does not count, until somebody says otherwise."""
    INVALID_TEMPORARILY = "invalid-temporarily"
    """It does not count for now; set by hand, or when a login has failed for days."""


class Status(StrEnum):
    """How fetching an account goes."""

    OK = "ok"
    """The last run ended well."""
    FAILING = "failing"
    """The last runs failed; it is tried again, less often."""
    THROTTLED = "throttled"
    """The server asked to come back later."""
    NEEDS_SIGN_IN = "needs sign-in"
    """Somebody must sign in again."""
    PAUSED = "paused"
    """A person paused it."""


class AfterFetch(StrEnum):
    """What happens on the server once a message is stored here."""

    KEEP = "keep"
    """Nothing, not even \\Seen."""
    DELETE = "delete"
    """It is removed."""
    MOVE = "move"
    """It is moved to a folder."""


class Account(Resource, table=True):
    """An incoming mailbox that is fetched."""

    __tablename__ = "account"
    __table_args__ = (unique_while_alive("account", "name"),)

    name: str
    type: str
    host: str
    port: int | None = Field(default=None)
    username: str
    address: str = ""
    profile_id: int | None = big(foreign_key="profile.id", nullable=True)
    folders: list[str] = json_list()
    trusted: bool = False
    dispatching: str = "to"
    queue_id: int | None = big(foreign_key="queue.id", nullable=True, index=True)
    validity: str = Validity.VALID
    record_type: str = "Ticket"
    priority: int = 5
    interval: int | None = Field(default=None)
    """Seconds between two fetches; none: the setting."""
    after_fetch: str = AfterFetch.KEEP
    move_to: str = ""
    mark_seen: bool = False
    start_from: str = "all"
    idle: bool = True
    tls_ca: str = ""
    tls_fingerprint: str = ""
    max_messages: int = 5000
    max_size: int = big(default=32 << 20)
    comment: str = ""
    epoch: int = 1
    """Grows when host, type, user or folders change, or its server gives numbers again: what came before is another
    source.
    """
    mailbox_id: int | None = big(foreign_key="mailbox.id", nullable=True)
    """The mailbox whose inbox this is, when it was made by *read inbox*."""


class AccountStatus(SQLModel, table=True):
    """What fetchers know of an account: when it is due, who holds it, how it goes."""

    __tablename__ = "account_status"

    account_id: int = Field(
        primary_key=True, foreign_key="account.id", sa_type=BigId, sa_column_kwargs={"autoincrement": False}
    )
    due_at: datetime = moment(index=True)
    status: str = Status.OK
    paused: bool = False
    failures: int = 0
    first_failure_at: datetime | None = moment(nullable=True)
    last_error: str = ""
    retry_after: datetime | None = moment(nullable=True)
    """Until when the server asked us to stay away."""
    last_run_id: int | None = big(nullable=True)
    last_ok_at: datetime | None = moment(nullable=True)
    tested_at: datetime | None = moment(nullable=True)
    certificate_expires: datetime | None = moment(nullable=True)
    """When the certificate its server showed last ends."""
    stop_requested: bool = False
    idle_owner: str = Field(default="", index=True)
    """The worker whose connection waits in IDLE for new mail; it counts while that worker is alive."""
    idle_after: datetime | None = moment(nullable=True)
    """Not before this moment is IDLE tried again: the server does not offer it, or limits connections."""
    lease_owner: str = ""
    lease_until: datetime | None = moment(nullable=True)
    fence: int = big(default=0)
    """Grows with each claim; every write of a claimant names it."""


class FolderMark(SQLModel, table=True):
    """How far a folder is settled: every UID at or below `uid_settled` is stored, left or gone."""

    __tablename__ = "folder_mark"

    account_id: int = Field(primary_key=True, sa_type=BigId, sa_column_kwargs={"autoincrement": False})
    epoch: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    folder: str = Field(primary_key=True)
    uidvalidity: int = big(default=0)
    uid_settled: int = big(default=0)
    uid_next: int = big(default=0)
    messages: int = big(default=0)
    """How many the folder held when it was last read, to see at one STATUS that nothing changed."""
    match_upto: int = big(default=0)
    """Up to this UID, messages are first compared by their bytes with what is stored under an older UIDVALIDITY or
    source: the server numbered the folder anew, or the account's source was changed."""


class Leftover(SQLModel, table=True):
    """An exception above the low-water mark: a message that was seen and not taken in, and why."""

    __tablename__ = "leftover"

    account_id: int = Field(primary_key=True, sa_type=BigId, sa_column_kwargs={"autoincrement": False})
    epoch: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    folder: str = Field(primary_key=True)
    uidvalidity: int = Field(primary_key=True, sa_type=BigId, sa_column_kwargs={"autoincrement": False})
    uid: int = Field(primary_key=True, sa_type=BigId, sa_column_kwargs={"autoincrement": False})
    uidl: str = Field(primary_key=True, default="")
    why: str
    tries: int = 1
