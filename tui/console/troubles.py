"""What is wrong with a row and what to press: the sentence above the footer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.models import WORKER_ALIVE_FOR
from core.resources.kind import Kind
from core.resources.methods import method_of
from core.text import safe_text
from tui.console.cells import span
from tui.console.glyphs import BAD, DULL, GOOD, WARN
from tui.console.nouns import many
from tui.console.sentences import going_on, sentence

Row = Mapping[str, Any]

TOLD_BEFORE = 30 * 86_400
"""Seconds before its end from which a client secret is spoken of as a trouble."""

LONGEST = 120
"""Letters of a subject in a sentence: more would make the list beside it jump as one moves through it."""


@dataclass(frozen=True)
class Trouble:
    """One sentence about a row."""

    text: str
    tone: str = DULL


def trouble(kind: Kind, row: Row, now: datetime) -> Trouble:
    """What to say of the selected row."""
    say = _SAYERS.get(kind.name)
    said = say(row, now) if say is not None else Trouble(str(row.get("comment") or kind.description))
    return Trouble(safe_text(said.text), said.tone)


def _account(row: Row, now: datetime) -> Trouble:
    name, error = row.get("name"), sentence(row.get("last_error"))
    valid, status = row.get("validity"), row.get("status")
    said = {
        "invalid": Trouble(f"{name} is invalid and not fetched. {error}v makes it valid, e edits it.", BAD),
        "invalid-temporarily": Trouble(f"{name} is set aside. {error}Mend it with e, then v makes it valid.", WARN),
        "failing": Trouble(
            f"{name} failed {_times(row)}: {going_on(error)}f tries it now, t tests it, e edits it.", BAD
        ),
        "needs sign-in": Trouble(f"{name} needs somebody to sign in again. {error}o signs in.", WARN),
        "throttled": Trouble(f"{name}: its server asked us to come back later. {error}f tries it now.", WARN),
        "paused": Trouble(f"{name} is paused. p resumes it.", WARN),
    }
    if (trouble := said.get(str(status if valid == "valid" else valid))) is not None:
        return trouble
    if row.get("last_run_at") is None:
        return Trouble(f"{name} has not been fetched yet. t tests it, f fetches it now.")
    return Trouble(f"{name}: {error or 'all well. '}{_next(row.get('due_at'), now)}{row.get('comment') or ''}", GOOD)


def _mailbox(row: Row, now: datetime) -> Trouble:
    name, error = row.get("name"), sentence(row.get("last_error"))
    cooling = row.get("cooling_until")
    if isinstance(cooling, datetime) and cooling > now:
        wait = span(max(1.0, (cooling - now).total_seconds()))
        how = f"cools down, for {wait} more, after it failed {_times(row)}"
        return Trouble(f"{name} {how}: {going_on(error)}t tests it, e edits it.", BAD)
    if not row.get("active"):
        return Trouble(f"{name} takes no turns: it is inactive. {error}e edits it.", WARN)
    if error:
        return Trouble(f"{name}: {error}t tests it.", WARN)
    if row.get("tested_at") is None and row.get("last_sent_at") is None:
        return Trouble(f"{name} has not been tested and has sent nothing yet. t tests it.")
    return Trouble(f"{name}: all well. {row.get('comment') or ''}", GOOD)


def _outbox(row: Row, now: datetime) -> Trouble:
    error, subject = sentence(row.get("last_error")), _short(row.get("subject")) or "(no subject)"
    again, by = _next(row.get("next_attempt_at"), now), str(row.get("mailbox") or "")
    # Where several mailboxes are spoken of, the error names them itself.
    troubled = f"{subject}, by {by}: {going_on(error)}" if by and error and by not in error else f"{subject}: {error}"
    said = {
        "failed": Trouble(f"{subject}: not sent. {error}enter shows it.", BAD),
        "expired": Trouble(f"{subject}: not sent in time. {error}enter shows it.", BAD),
        "uncertain": Trouble(f"{subject}: the relay may have taken it. {error}r sends it again, x cancels it.", WARN),
        "deferred": Trouble(f"{troubled}{'' if error else 'refused for now. '}{again}r tries it now.", WARN),
        "held": Trouble(f"{subject}: held. {error}l releases it.", WARN),
        "queued": Trouble(
            f"{subject}: waits for its time. {again}r sends it now."
            if _is_later(row, now)
            else f"{subject}: waits for a worker. {again}f sends it now."
        ),
        "sent": Trouble(f"{subject}: taken by the relay{f' through {by}' if by else ''}. enter shows it.", GOOD),
    }
    if row.get("state") == "sent" and error:
        return Trouble(f"{subject}: {error}enter shows it.", WARN)
    return said.get(str(row.get("state")), Trouble(f"{subject}: {row.get('state')}. enter shows it."))


def _is_later(row: Row, now: datetime) -> bool:
    """Whether it was handed in to be sent at a later time."""
    when = row.get("next_attempt_at")
    return isinstance(when, datetime) and when > now


def _suppression(row: Row, now: datetime) -> Trouble:
    address, said, until = row.get("address"), sentence(row.get("last_text")), row.get("held_until")
    if isinstance(until, datetime) and until > now:
        return Trouble(f"Nothing is sent to {address} until {until:%Y-%m-%d}. {said}l releases it.", WARN)
    return Trouble(f"{address} gets mail; the next bounce for good holds it. {said}")


def _run(row: Row, _: datetime) -> Trouble:
    if row.get("state") in {"failed", "aborted"}:
        return Trouble(
            f"{row.get('account')}: {sentence(row.get('error')) or 'it did not end well. '}enter shows it.", BAD
        )
    return Trouble(
        f"{row.get('account')}: {row.get('fetched') or 0} taken in, {many(row.get('records') or 0, 'record')}, "
        f"{many(row.get('follow_ups') or 0, 'follow-up')}, {row.get('skipped') or 0} here already. "
        "enter shows its lines."
    )


def _quarantine(row: Row, _: datetime) -> Trouble:
    why = sentence(row.get("detail") or row.get("reason")) or "It could not be processed. "
    return Trouble(f"{why}r processes it again, l files it without filters, e mends it.", WARN)


def _record(row: Row, _: datetime) -> Trouble:
    return Trouble(f"{_short(row.get('title')) or '(no title)'} – {row.get('customer') or 'nobody'}. enter opens it.")


def _message(row: Row, _: datetime) -> Trouble:
    record = f" in record {row['record']}" if row.get("record") else ""
    return Trouble(f"{_short(row.get('subject')) or '(no subject)'}: {row.get('state')}{record}. enter opens it.")


def _queue(row: Row, _: datetime) -> Trouble:
    if row.get("validity") != "valid":
        return Trouble(f"{row.get('name')} counts as absent while it is {row.get('validity')}. e edits it.", WARN)
    return Trouble(str(row.get("comment") or f"{many(row.get('records') or 0, 'record')} in {row.get('name')}."))


def _handoff(row: Row, now: datetime) -> Trouble:
    name, error, waiting = row.get("name"), sentence(row.get("last_error")), row.get("waiting") or 0
    rests = row.get("rests_until")
    if not row.get("active"):
        return Trouble(f"{name} is offered nothing: it is inactive. e edits it.", WARN)
    if isinstance(rests, datetime) and rests > now:
        how = f"rests for {span((rests - now).total_seconds())}, {many(waiting, 'waits', 'wait')}"
        return Trouble(f"{name} {how}: {error}Retry one of its deliveries to try now.", BAD)
    if waiting:
        return Trouble(
            f"{name}: {waiting} to be taken. {error}The screen Deliveries lists them.", WARN if error else DULL
        )
    return Trouble(f"{name}: all taken.", GOOD)


def _delivery(row: Row, now: datetime) -> Trouble:
    what = f"{str(row.get('event') or '').capitalize()} {row.get('record')} for {row.get('handoff')}"
    error, again = sentence(row.get("last_error")), _next(row.get("next_attempt_at"), now)
    if row.get("state") == "failed":
        return Trouble(f"{what}: not taken. {error}r offers it again.", BAD)
    if row.get("state") == "waiting":
        return Trouble(f"{what}: {error}{again}r offers it now, x gives it up.", WARN if error else DULL)
    return Trouble(f"{what}: taken. enter shows it.", GOOD)


def _profile(row: Row, now: datetime) -> Trouble:
    name, ends = row.get("name"), row.get("secret_expires")
    method = method_of(str(row.get("provider")), str(row.get("method")))
    if not isinstance(ends, datetime) or method is None or "secret_expires" not in method.fields:
        return Trouble(f"{name}: accounts and mailboxes that name it sign in with o.")
    left, day = (ends - now).total_seconds(), f"{ends:%Y-%m-%d}"
    if left > TOLD_BEFORE:
        return Trouble(f"{name}: its client secret ends on {day}.", GOOD)
    how = f"ended on {day}" if left <= 0 else f"ends in {span(left)}, on {day}"
    return Trouble(
        f"{name}: its client secret {how}. Make a new one at the provider; e enters it, with its last day.",
        BAD if left <= 0 else WARN,
    )


def _alert(row: Row, _: datetime) -> Trouble:
    text = str(row.get("text") or "")
    return Trouble(f"It is over: {text}", DULL) if row.get("closed_at") else Trouble(text, BAD)


def _worker(row: Row, now: datetime) -> Trouble:
    who = f"Process {row.get('pid')} on {row.get('host')}"
    silent = (now - row["heartbeat_at"]).total_seconds()
    if silent < WORKER_ALIVE_FOR.total_seconds():
        return Trouble(f"{who} is at work.", GOOD)
    return Trouble(
        f"{who} is gone: nothing was heard of it for {span(silent)}. Others take up what it had in hand.", BAD
    )


def _short(text: Any) -> str:
    """A subject that leaves the list its place; the page of the row has all of it."""
    words = safe_text(str(text or ""))
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 1].rstrip()}…"


def _times(row: Row) -> str:
    failures = row.get("failures") or 1
    return {1: "once", 2: "twice"}.get(failures, f"{failures} times")


def _next(when: Any, now: datetime) -> str:
    if not isinstance(when, datetime):
        return ""
    wait = span((when - now).total_seconds())
    return "Due now. " if wait == "now" else f"Next in {wait}. "


_SAYERS: dict[str, Callable[[Row, datetime], Trouble]] = {
    "account": _account,
    "mailbox": _mailbox,
    "outbox": _outbox,
    "suppression": _suppression,
    "run": _run,
    "quarantine": _quarantine,
    "record": _record,
    "message": _message,
    "queue": _queue,
    "handoff": _handoff,
    "delivery": _delivery,
    "profile": _profile,
    "alert": _alert,
    "worker": _worker,
}
