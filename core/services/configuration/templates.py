"""Templates: server settings that mailboxes share; for super security admins alone."""

from __future__ import annotations

from sqlalchemy import select
from sqlmodel import Session

from core.db.bulk import table_of
from core.errors import Problem
from core.models import Mailbox
from core.resources.template import TEMPLATE
from core.services.configuration.inboxes import follow_template
from core.services.configuration.mailboxes import untested
from core.services.editing.drafts import Draft
from core.services.editing.guards import Change, Guards
from core.services.editing.verbs import Resource
from core.services.lookup import Stored
from core.services.references import refusal, users_of

SENDING = (
    "smtp_host", "smtp_port", "smtp_security", "smtp_auth", "fallback", "fallback_port", "fallback_security",
    "ehlo_name", "tls_ca", "tls_fingerprint",
)  # fmt: skip
"""What a passed test of a mailbox vouches for."""

_mailbox = table_of(Mailbox)


def judged(session: Session, draft: Draft) -> list[Problem]:
    """Whether mailboxes that read their inbox would lose their server."""
    if draft.values["incoming_host"] or not draft.before.get("incoming_host"):
        return []
    reading = select(_mailbox.c.name).where(
        _mailbox.c.template_id == draft.row_id, _mailbox.c.read_inbox.is_(True), _mailbox.c.deleted_at.is_(None)
    )
    names = session.connection().execute(reading.order_by(_mailbox.c.name)).scalars().all()
    text = f"is needed by mailboxes that read their inbox ({', '.join(names)}). Switch that off there first."
    return [draft.problem("incoming_host", text)] if names else []


def warned(_session: Session, draft: Draft) -> list[str]:
    """What may be, and yet is worth a word."""
    words = []
    if draft.values["smtp_security"] == "none":
        words.append("Without TLS, passwords and mail are sent in clear; only for a relay on this machine.")
    elif draft.values["fallback"] and draft.values["fallback_security"] == "none":
        words.append("The fallback drops TLS: when the first port cannot be reached, mail is sent in clear.")
    return words


def written(change: Change, draft: Draft) -> None:
    """Mailboxes that send by it must be tested anew; inboxes follow."""
    if draft.is_new:
        return
    if draft.moved(*SENDING):
        using = select(_mailbox.c.id).where(_mailbox.c.template_id == change.row_id)
        untested(change.session, list(change.session.connection().execute(using).scalars()))
    follow_template(change.session, change.row_id, change.now)


def _in_use(session: Session, row: Stored) -> str | None:
    users = users_of(session, TEMPLATE, row["id"])
    return refusal(TEMPLATE, row["name"], users) if users else None


templates = Resource(TEMPLATE, Guards(judge=judged, warn=warned, written=written, in_use=_in_use))
