"""The gateway opens everything and hands it out; what is done with it is done elsewhere."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from sqlmodel import Session

from core import clock
from core.data_folder import make_home
from core.db.alike import one_at_a_time
from core.db.bulk import insert_missing, insert_rows, reserve
from core.db.changes import ChangeFeed
from core.db.doors import Database
from core.db.leases import Renewer
from core.db.names import FIRST_ADMIN
from core.db.schema import open_database
from core.environment import Environment
from core.errors import CannotWrite
from core.handles import LEASE_SECONDS, Handles
from core.models import Queue, Setting, Template
from core.system_users import this_user
from core.vault.choice import key_place
from core.vault.keys import make_key
from core.vault.vault import PUBLIC_KEY, Vault, is_anything_sealed

QUEUES = (
    ("Raw", "Where mail lands that nothing else claims."),
    ("Postmaster", "Reports and questions about mail itself."),
    ("Junk", "Unwanted mail, kept for a look."),
)
"""The queues that are there after the first start."""

TEMPLATES: tuple[dict[str, Any], ...] = (
    {"name": "Migrated from previous version", "comment": "For settings taken over from an older gateway."},
    {
        "name": "Gmail SMTP Relay",
        "smtp_host": "smtp.gmail.com",
        "fallback": True,
        "incoming_host": "imap.gmail.com",
        "comment": "Sends and reads; needs an OAuth profile or an app password.",
    },
    {
        "name": "Office 365 SMTP Relay",
        "smtp_host": "smtp.office365.com",
        "incoming_host": "outlook.office365.com",
        "comment": "Sends and reads; needs an OAuth profile.",
    },
    {
        "name": "SendGrid SMTP Relay",
        "smtp_host": "smtp.sendgrid.net",
        "fallback": True,
        "comment": "Sends only; the user name is apikey, the password an API key.",
    },
    {
        "name": "Brevo (Sendinblue) SMTP Relay",
        "smtp_host": "smtp-relay.brevo.com",
        "fallback": True,
        "comment": "Sends only; the password is an SMTP key, not the account's.",
    },
)
"""The templates that are there after the first start; what a row does not say has its default."""


def open_gateway(environment: Environment, *, role: str = "", anew: bool = False) -> Handles:
    """Everything one process works with, made first where it is not there yet.

    Args:
        environment: where this Postroom lives.
        role: what the process does, as other processes see it; part of the worker's name.
        anew: whether an empty database may be made where there has been one.

    Raises:
        ExposedFile: key or database can be read by others.
        SchemaMismatch: the database is of another version.
        StoreError: database or folder cannot be made or reached.
    """
    make_home(environment.home, environment.group)
    key_place(environment).refuse_exposed()
    database = open_database(environment, anew=anew)
    handles = Handles(
        environment=environment,
        database=database,
        vault=Vault(environment),
        changes=ChangeFeed(database),
        renewer=Renewer(database, LEASE_SECONDS),
    )
    if role:
        handles.worker_id = f"{role}-{handles.worker_id[:12]}"
    try:
        make_drop_folder(environment.drop)
        _make_missing_key(handles)
        _ship(database)
    except BaseException:
        handles.close()
        raise
    return handles


def make_drop_folder(folder: Path) -> None:
    """Make the drop folder: when root makes it anyone may write into it, and none but its owner look.

    Raises:
        CannotWrite: it cannot be made.
    """
    try:
        if folder.exists():
            return
    except PermissionError:
        return  # it is another user's, whose worker looks there
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.geteuid() == 0:
            # By its descriptor: a group that may write the folder above could put a link in its place just now.
            made = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                os.fchown(made, folder.parent.stat().st_uid, -1)
                # As a mail spool: sticky, so that none removes another's message; writable, not readable.
                os.fchmod(made, stat.S_ISVTX | 0o733)
            finally:
                os.close(made)
    except OSError as error:
        raise CannotWrite(f"The drop folder {folder} cannot be made: {error.strerror}. Set POSTROOM_DROP.") from error


def _make_missing_key(handles: Handles) -> None:
    with handles.database.reading() as session:
        if is_anything_sealed(session):
            return  # a new key would not open it; who needs the one that does is told so by the vault
        is_known = session.get(Setting, PUBLIC_KEY) is not None
    home = handles.environment.home
    if os.geteuid() in {0, home.stat().st_uid}:
        make_key(handles.environment)  # in a folder that a group shares, it is the service's to make
    if not is_known and handles.vault.can_open():
        # Who may not read the key seals with its public half, from the first start on.
        handles.database.writing(lambda session: _claim_key(handles.vault, session))


def _claim_key(vault: Vault, session: Session) -> None:
    one_at_a_time(session, "key")  # a row that is not there yet is nothing to lock, and two would write it
    vault.claim_key(session)


def _ship(database: Database) -> None:
    with database.reading() as session:
        if session.get(Setting, FIRST_ADMIN) is not None:
            return
    user, now = this_user(), clock.utcnow()

    def ship(session: Session) -> None:
        # Of many processes at once one draws the first number; what is deleted later stays deleted.
        if reserve(session, "shipped", 1) != 1:
            return
        insert_missing(session, Setting, [{"name": FIRST_ADMIN, "value": user}])
        insert_rows(
            session,
            Template,
            [Template(**row, created_at=now, updated_at=now).model_dump(exclude={"id"}) for row in TEMPLATES],
        )
        queues = [Queue(name=name, comment=comment, created_at=now, updated_at=now) for name, comment in QUEUES]
        insert_rows(session, Queue, [queue.model_dump(exclude={"id"}) for queue in queues])

    database.writing(ship)
