"""Accounts: the incoming mailboxes that are fetched."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import case, insert, literal, select, update
from sqlmodel import Session
from sqlmodel.sql.sqltypes import AutoString

from core import clock
from core.db.bulk import table_of
from core.errors import Problem
from core.handles import Handles
from core.inbound import record_types
from core.models import AccountStatus, AccountType, Audit, Mailbox, Run, RunState, Status, Validity
from core.resources import checks
from core.resources.account import ACCOUNT
from core.services import access, audit
from core.services.actor import Actor
from core.services.editing.drafts import Draft
from core.services.editing.guards import Change, Guards
from core.services.editing.verbs import Resource
from core.services.editing.writing import Saved
from core.services.lookup import Stored, named

LOGIN = ("host", "port", "type", "username", "password", "profile", "refresh_token", "tls_ca", "tls_fingerprint")
"""What a passed test vouches for: when one of these changes, it must be tested anew."""

SOURCE = ("host", "type", "username")
"""What, with the folders, makes the source: when one changes, a new epoch begins."""

_status = table_of(AccountStatus)


class Accounts(Resource):
    """The verbs of accounts: those of every resource, and control of their runs."""

    def set_validity(self, handles: Handles, actor: Actor, name: str | int, validity: Validity | str) -> Saved:
        """Make an account valid, invalid or invalid for now."""
        return self.change(handles, actor, name, {"validity": str(validity)})

    def pause(self, handles: Handles, actor: Actor, name: str | int) -> None:
        """Fetch it no longer until it is resumed; a running fetch goes on."""
        self._control(handles, actor, "pause", name, {"paused": True, "status": Status.PAUSED.value})

    def resume(self, handles: Handles, actor: Actor, name: str | int) -> None:
        """Fetch it again, from now on."""
        self._control(handles, actor, "resume", name, _afresh(clock.utcnow()))

    def stop(self, handles: Handles, actor: Actor, name: str | int) -> bool:
        """End its running fetch after the current batch; false if there is none."""
        self._control(handles, actor, "stop", name, {"stop_requested": True})
        with handles.database.reading() as session:
            run = table_of(Run)
            ours = run.c.account_id == named(session, self.kind, name)["id"]
            at_work = select(run.c.id).where(ours, run.c.state == RunState.RUNNING.value)
            return session.connection().execute(at_work).first() is not None

    def _control(self, handles: Handles, actor: Actor, verb: str, name: str | int, columns: dict[str, Any]) -> None:
        access.require(actor, verb, self.kind.name)

        def work(session: Session) -> Audit:
            row = named(session, self.kind, name)
            _set_status(session, row["id"], columns)
            return audit.note(session, actor, verb, self.kind.name, row["name"])

        self._published(handles, handles.database.writing(work))


def completed(draft: Draft) -> Draft:
    """With what follows: no queue by To, and the user name as address when it is one."""
    values: dict[str, Any] = {}
    if draft.values["dispatching"] == "to" and "queue" not in draft.given:
        values["queue"] = ""
    address, username = draft.values["address"], str(draft.values.get("username") or "")
    followed = "address" not in draft.given and address == draft.before.get("username")
    if not address or followed:
        values["address"] = username if "@" in username and checks.mail_address(username) is None else ""
    return draft.with_values(**values)


def judged(session: Session, draft: Draft) -> list[Problem]:
    """What is wrong with an account's fields together."""
    complaints = {**_dispatching(draft), **_after_fetching(draft), **_linked(session, draft)}
    if (wanted := draft.values["record_type"]) not in record_types.names():
        known = ", ".join(record_types.names())
        complaints["record_type"] = f"there is no record type {wanted!r}. Known are {known}; others come with packages."
    return [draft.problem(name, text) for name, text in complaints.items()]


def warned(_session: Session, draft: Draft) -> list[str]:
    """What may be, and yet is worth a word."""
    words = []
    kind = str(draft.values.get("type") or "")
    if kind in tuple(AccountType) and AccountType(kind).security == "none":
        words.append(f"{kind} sends user name, password and mail in clear; take {kind}S unless the server is here.")
    if (
        kind.startswith("POP3")
        and draft.values["start_from"] not in {"all", "now"}
        and draft.moved("start_from", "type")
    ):
        words.append(
            "POP3 does not tell when mail came, so a first run from a day on will fail: start_from=all or now."
        )
    if draft.values["trusted"] and draft.moved("trusted"):
        words.append("Trusted: the control headers of this account's mail are obeyed. Only for senders you know.")
    return words


def further_columns(draft: Draft) -> dict[str, object]:
    """The epoch: another source begins a new one."""
    if draft.row is None:
        return {}
    is_imap = str(draft.values["type"]).startswith("IMAP")
    has_other_folders = is_imap and set(draft.before["folders"]) != set(draft.values["folders"])
    has_moved = draft.moved(*SOURCE) or has_other_folders
    return {"epoch": draft.row["epoch"] + 1} if has_moved else {}


def written(change: Change, draft: Draft) -> None:
    """The status of a new account; a changed login is untested and due at once, and begins with no failures."""
    if draft.is_new:
        add_status(change.session, change.row_id, change.now)
        return
    columns: dict[str, Any] = {}
    if draft.moved(*LOGIN):
        columns = {"tested_at": None, **_fresh(change.now)}
    elif draft.moved("validity", "folders", "interval"):
        columns = _fresh(change.now)
    if columns:
        _set_status(change.session, change.row_id, columns)


def add_status(session: Session, account_id: int, now: datetime) -> None:
    """The status row of a new account: due at once."""
    session.connection().execute(insert(_status).values(account_id=account_id, due_at=now))


def stop_fetching(session: Session, account_id: int) -> None:
    """End its running fetch, because the account goes."""
    _set_status(session, account_id, {"stop_requested": True})


def _dispatching(draft: Draft) -> dict[str, str]:
    by_queue, queue = draft.values["dispatching"] == "queue", draft.values["queue"]
    if by_queue and not queue:
        return {"queue": "is missing; dispatching by queue needs one."}
    if not by_queue and queue and draft.is_read("dispatching"):
        return {"queue": 'is for dispatching by queue alone. Leave it empty, or set dispatching to "queue".'}
    return {}


def _after_fetching(draft: Draft) -> dict[str, str]:
    if draft.values["after_fetch"] != "move":
        return {}
    if not str(draft.values.get("type") or "").startswith("IMAP") and draft.is_read("type"):
        return {"after_fetch": "move needs IMAP; POP3 has no folders. Choose keep or delete."}
    target = draft.values["move_to"]
    if not target:
        return {"move_to": "is missing; name the folder that messages are moved to."}
    if _folder(target) in {_folder(name) for name in draft.values["folders"]}:
        return {"move_to": f"is fetched itself ({target}): messages would come again and again. Name another folder."}
    return {}


def _folder(name: str) -> str:
    return "INBOX" if name.upper() == "INBOX" else name  # the one name without case (RFC 3501 §5.1)


def _linked(session: Session, draft: Draft) -> dict[str, str]:
    mailbox_id = None if draft.row is None else draft.row["mailbox_id"]
    if mailbox_id is None:
        return {}
    mailbox = session.get(Mailbox, mailbox_id)
    text = f"is that of the mailbox {mailbox.name if mailbox else mailbox_id!r}, whose inbox this is; change it there."
    return {name: text for name in LOGIN if draft.moved(name)}


def _in_use(session: Session, row: Stored) -> str | None:
    mailbox = None if row["mailbox_id"] is None else session.get(Mailbox, row["mailbox_id"])
    if mailbox is None or mailbox.deleted_at is not None:
        return None
    return (
        f"Account {row['name']} was not deleted: it is the inbox of the mailbox {mailbox.name}. "
        "Switch off reading the inbox there."
    )


def _fresh(now: datetime) -> dict[str, Any]:
    status = case((_status.c.paused, literal(Status.PAUSED.value, AutoString())), else_=Status.OK.value)
    untroubled = {"failures": 0, "first_failure_at": None, "retry_after": None, "idle_after": None, "last_error": ""}
    return {"due_at": now, "status": status, **untroubled}


def _afresh(now: datetime) -> dict[str, Any]:
    return {**_fresh(now), "paused": False, "status": Status.OK.value}


def _set_status(session: Session, account_id: int, columns: dict[str, Any]) -> None:
    session.connection().execute(update(_status).where(_status.c.account_id == account_id).values(**columns))


def _restored(change: Change) -> None:
    _set_status(change.session, change.row_id, {"due_at": change.now, "stop_requested": False})


accounts = Accounts(
    ACCOUNT,
    Guards(
        complete=completed,
        judge=judged,
        warn=warned,
        columns=further_columns,
        written=written,
        in_use=_in_use,
        deleted=lambda change: stop_fetching(change.session, change.row_id),
        restored=_restored,
    ),
)
