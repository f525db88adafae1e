"""What would happen to a message, and why, for people and scripts."""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from itertools import islice
from typing import Any

from core.errors import BadInput
from core.handles import Handles
from core.inbound.explain import Outcome, explain
from core.inbound.trial import explain_stored
from core.mail.mbox import read_pieces
from core.models import Account
from core.resources.account import ACCOUNT
from core.resources.json_rows import plain
from core.services import access, messages
from core.services.actor import Actor
from core.services.looking.details import steps
from core.services.lookup import named


def explained(handles: Handles, actor: Actor, raw: bytes, account: str = "") -> Outcome:
    """Run a message through the real path without side effects, by the rules of an account or by the defaults.

    Raises:
        NotFound: there is no such account.
    """
    access.require(actor, "explain", "message")
    return explain(handles, raw, account_named(handles, account) if account else None)


def explained_stored(handles: Handles, actor: Actor, message_id: int) -> Outcome:
    """Run a stored message through today's rules of its account, without side effects.

    Raises:
        NotFound: it is not here, or its bytes are not kept.
    """
    access.require(actor, "explain", "message")
    outcome = explain_stored(handles, message_id)
    if outcome is None:
        raise messages.not_kept(handles, message_id)
    return outcome


def only_message(raw: bytes, file: str) -> bytes:
    """The one message of a file, out of its mbox if it lies in one.

    Raises:
        BadInput: there are several.
    """
    pieces = [piece.raw or b"" for piece in islice(read_pieces(BytesIO(raw), len(raw)), 2)]
    if len(pieces) > 1:
        raise BadInput(
            f"{file} holds several messages. What becomes of each: postroom intake --dry-run FILE --account NAME"
        )
    return pieces[0]


def sentence(outcome: Outcome) -> str:
    """Where the message would end, in one line."""
    values = ", ".join(f"{name} {in_words(value)}" for name, value in outcome.values.items() if name != "queue")
    if outcome.record_type:
        return f"recorded: a new {outcome.record_type} in queue {outcome.queue} ({values})"
    if outcome.record and outcome.state == "recorded":
        changes = f", which becomes: {values}" if values else ""
        return f"recorded: a follow-up to {outcome.record} in queue {outcome.queue}{changes}"
    record = f", of record {outcome.record}" if outcome.record else ""
    return f"{outcome.state}{record}{f': {outcome.reason}' if outcome.reason else ''}"


def in_words(value: Any) -> str:
    """A value of a record, as a sentence has it; a time to the minute, in UTC."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if isinstance(value, datetime) else str(value)


def account_named(handles: Handles, name: str) -> Account:
    """The account of that name, as it is now.

    Raises:
        NotFound: there is none.
    """
    with handles.database.reading() as session:
        account = session.get(Account, named(session, ACCOUNT, name)["id"])
        assert account is not None
        session.expunge(account)
        return account


def outcome_as_json(outcome: Outcome) -> dict[str, Any]:
    """An outcome as one object of `--json`."""
    return {
        "state": outcome.state,
        "record_type": outcome.record_type,
        "record": outcome.record or None,
        "queue": plain(outcome.queue),
        "values": plain(outcome.values),
        "reason": plain(outcome.reason),
        "trail": plain(steps([list(step) for step in outcome.trail])),
        "complaints": [plain(complaint._asdict()) for complaint in outcome.complaints],
    }
