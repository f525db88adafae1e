"""Mailboxes: the logins that mail leaves through."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, select, update
from sqlmodel import Session

from core.db.bulk import table_of
from core.errors import Problem
from core.models import Mailbox, MailboxStatus
from core.outbound.decisions.compose import LAST_RESORT, TOKEN
from core.resources import checks
from core.resources.mailbox import MAILBOX
from core.resources.template import TEMPLATE
from core.services import settings
from core.services.configuration.inboxes import follow_mailbox
from core.services.editing.drafts import Draft
from core.services.editing.guards import Change, Guards
from core.services.editing.verbs import Resource
from core.services.lookup import Stored, living

_LONGEST_TOKEN = "x" * 26

LOGIN = ("template", "username", "password", "profile", "refresh_token")
"""What a passed test vouches for: when one of these changes, it must be tested anew."""

_mailbox, _status = table_of(Mailbox), table_of(MailboxStatus)


def judged(session: Session, draft: Draft) -> list[Problem]:
    """What is wrong with a mailbox's fields together and beside its neighbours."""
    complaints = {**_addresses(draft), **_inbox(session, draft)}
    if loop := failover_loop(_failovers(session), draft.name, draft.before.get("name"), draft.values["failover"]):
        complaints["failover"] = f"makes a loop: {' → '.join(loop)}. Leave it empty, or choose another."
    is_switched_off = draft.before.get("active") and not draft.values["active"]
    if is_switched_off and (users := _failing_over_to(session, draft.row_id)):
        complaints["active"] = (
            f"must stay on: it is the failover of {', '.join(users)}. Give {_it(users)} another failover first."
        )
    return [draft.problem(name, text) for name, text in complaints.items()]


def failover_loop(failovers: dict[str, str], name: str, old_name: str | None, failover: str) -> list[str]:
    """The names along a loop that this failover would close, as `A, B, A`; empty if it closes none."""
    graph = {**failovers, name: failover}
    walked = [name]
    while following := graph.get(walked[-1]):
        following = name if following == old_name else following
        walked.append(following)
        if following in walked[:-1]:
            return walked[walked.index(following) :] if following == name else []
    return []


def warned(session: Session, draft: Draft) -> list[str]:
    """What may be, and yet is worth a word."""
    told = []
    if draft.moved("username", "template") and not draft.values["username"] and _has_login(session, draft):
        told.append(
            f"There is no user name, and the template {draft.values['template']!r} has a login (smtp_auth): "
            "give it one, or take a template without."
        )
    if not draft.values["default_sender"] and checks.mail_address(str(draft.values["username"])) is not None:
        told.append(f"Mail without a From leaves as {LAST_RESORT}@ and this machine's name: give it a default_sender.")
    return told


def written(change: Change, draft: Draft) -> None:
    """The status of a new mailbox; a changed login is untested and cools down no longer; its inbox follows."""
    if draft.is_new:
        change.session.connection().execute(insert(_status).values(mailbox_id=change.row_id))
    elif draft.moved(*LOGIN):
        untested(change.session, [change.row_id])
    if not draft.is_new and draft.moved("name"):
        settings.rename(change.session, "alerts.mailbox", draft.before["name"], draft.name)
    follow_mailbox(change.session, change.row_id, change.now)


def untested(session: Session, mailbox_ids: list[int]) -> None:
    """Forget a passed test, what went wrong with the login that was, and what its server takes."""
    columns: dict[str, Any] = {"tested_at": None, "cooling_until": None, "failures": 0, "last_error": ""}
    columns |= {"server_max_size": 0, "server_max_recipients": 0, "server_max_recipients_at": None}
    columns["server_takes_utf8"] = None
    session.connection().execute(update(_status).where(_status.c.mailbox_id.in_(mailbox_ids)).values(**columns))


def _addresses(draft: Draft) -> dict[str, str]:
    complaints: dict[str, str] = {}
    if draft.values["force_from"] and not draft.values["default_sender"]:
        complaints["default_sender"] = "is missing; it is what From is replaced by."
    if complaint := _return_path(str(draft.values["return_path"]).replace(TOKEN, _LONGEST_TOKEN)):
        complaints["return_path"] = complaint
    wrong = [word for word in draft.values["from_filter"] if not _is_from_class(word)]
    if wrong:
        complaints["from_filter"] = f"holds addresses or domains; {', '.join(map(repr, wrong))} is neither."
    return complaints


def _has_login(session: Session, draft: Draft) -> bool:
    template = living(session, TEMPLATE, str(draft.values.get("template") or ""))
    return template is not None and bool(template["smtp_auth"])


def _return_path(sample: str) -> str | None:
    if set(sample) & set("{}"):
        return f"knows of {TOKEN} alone: bounces+{TOKEN}@example.org."
    return checks.mail_address(sample)


def _is_from_class(word: str) -> bool:
    return checks.mail_address(word if "@" in word.strip("@") else f"any@{word.lstrip('@')}") is None


def _inbox(session: Session, draft: Draft) -> dict[str, str]:
    if not draft.values["read_inbox"]:
        return {}
    template = living(session, TEMPLATE, str(draft.values.get("template") or ""))
    if template is not None and not template["incoming_host"]:
        return {"read_inbox": f"needs incoming settings, and the template {template['name']!r} has none. Give it some."}
    if not draft.values["username"]:
        return {"username": "is missing; reading the inbox needs one."}
    return {}


def _failovers(session: Session) -> dict[str, str]:
    other = _mailbox.alias()
    pairs = select(_mailbox.c.name, other.c.name).where(
        _mailbox.c.failover_id == other.c.id, _mailbox.c.deleted_at.is_(None), other.c.deleted_at.is_(None)
    )
    return {name: failover for name, failover in session.connection().execute(pairs)}


def _failing_over_to(session: Session, mailbox_id: int | None) -> list[str]:
    users = select(_mailbox.c.name).where(_mailbox.c.failover_id == mailbox_id, _mailbox.c.deleted_at.is_(None))
    return list(session.connection().execute(users.order_by(_mailbox.c.name)).scalars())


def _in_use(session: Session, row: Stored) -> str | None:
    if users := _failing_over_to(session, row["id"]):
        return (
            f"Mailbox {row['name']} was not deleted: it is the failover of {', '.join(users)}. "
            f"Give {_it(users)} another failover first."
        )
    if settings.value_of(session, "alerts.mailbox") == row["name"]:
        return (
            f"Mailbox {row['name']} was not deleted: alerts leave through it. Change the setting alerts.mailbox first."
        )
    return None


def _it(names: list[str]) -> str:
    return "it" if len(names) == 1 else "them"


def _followed(change: Change) -> None:
    follow_mailbox(change.session, change.row_id, change.now)


mailboxes = Resource(
    MAILBOX,
    Guards(judge=judged, warn=warned, written=written, in_use=_in_use, deleted=_followed, restored=_followed),
)
