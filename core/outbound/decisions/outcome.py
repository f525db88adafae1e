"""Where a message stands after a round, and what is said of it: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.models import OutgoingState
from core.outbound.decisions.retry import is_expired, next_attempt_at
from core.outbox.due import Due, PendingRecipient
from core.outbox.settle import Ending, RecipientResult
from core.outbox.standing import message_state
from core.settings import RetrySettings, UncertainPolicy
from core.text import counted

TOO_LARGE = "5.3.4"
"""Message too big for system (RFC 3463 §3.4)."""
NO_SMTPUTF8 = "5.6.7"
"""Non-ASCII addresses not permitted for that sender/recipient (RFC 6531 §3.5)."""

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
"""Of a duration, in seconds."""


def too_large_for_all(size: int, limits: Mapping[str, int]) -> str:
    """Why a message is not sent that is over the limit of every mailbox; limits by the mailboxes' names, in bytes."""
    largest = max(limits.values(), default=0)
    names = ", ".join(f"{name} {limit}" for name, limit in sorted(limits.items()))
    return (
        f"The message has {counted(size, 'byte')}, more than any mailbox takes ({names or 'no limit is known'}). "
        f"Send at most {counted(largest, 'byte')}, or raise the limit."
    )


def sender_refused_by(names: Sequence[str], refused: RecipientResult) -> RecipientResult:
    """What is said of the recipients of a message whose sender none of these mailboxes may send for."""
    who = f"Mailbox {names[0]}" if len(names) == 1 else f"Mailboxes {', '.join(names)}"
    return refused._replace(text=f"{who} may not send for this sender: {refused.text}")


def without_utf8(names: Sequence[str], error: str, *, is_over: bool) -> RecipientResult:
    """What is said of a recipient that the relays of these mailboxes cannot name; `error` is why no other one could."""
    relays = f"relay of {names[0]} does" if len(names) == 1 else f"relays of {', '.join(names)} do"
    told = f"The {relays} not offer SMTPUTF8, which an address with letters beyond ASCII needs"
    if is_over:
        return RecipientResult(OutgoingState.FAILED, 550, NO_SMTPUTF8, f"{told}; nor is there another mailbox for it.")
    return RecipientResult(OutgoingState.DEFERRED, text=f"{told}; a mailbox that may cannot send now. {error}".strip())


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a round."""

    ending: Ending
    results: Mapping[int, RecipientResult]
    """Of all recipients that were to be sent to, by their rows."""

    @property
    def newly_failed(self) -> dict[int, RecipientResult]:
        """Those of whom the sender is told."""
        return {key: result for key, result in self.results.items() if result.state is OutgoingState.FAILED}


def end_of_round(
    due: Due,
    results: Mapping[int, RecipientResult],
    now: datetime,
    rule: RetrySettings,
    *,
    error: str,
    jitter: float,
    sent_by_id: int | None,
) -> Ended:
    """Where a message stands after every mailbox of its round; who has no result is tried again later."""
    attempts = due.attempts + 1
    decided = dict(results)
    if len(due.recipients) == len(decided) and all(one.state is OutgoingState.SENT for one in decided.values()):
        return Ended(Ending(OutgoingState.SENT, attempts, now, "", due.uncertain_since, sent_by_id), decided)
    for one in due.pending:
        if one.id not in decided:
            # It stays uncertain until a relay answers for it.
            was_uncertain = one.state == OutgoingState.UNCERTAIN
            state = OutgoingState.UNCERTAIN if was_uncertain else OutgoingState.DEFERRED
            decided[one.id] = RecipientResult(state, text=error)
    ends = {"expires_at": due.expires_at, "due_at": due.next_attempt_at}
    again = next_attempt_at(attempts, due.begun_at, now, rule, jitter, **ends)
    if again is None:
        decided = _given_up(decided, rule, has_expired=is_expired(due.expires_at, now))
    uncertain_since = due.uncertain_since
    if any(result.state is OutgoingState.UNCERTAIN for result in decided.values()):
        uncertain_since = uncertain_since or now
        if rule.uncertain is UncertainPolicy.HOLD:
            decided = _held(decided)
    others = [one for one in due.recipients if not one.is_bcc and one.id not in decided]
    state = message_state([*(one.state for one in others), *(result.state for result in decided.values())])
    ending = Ending(state, attempts, again or now, _last_word(decided, others, state), uncertain_since, sent_by_id)
    return Ended(ending, decided)


def _last_word(decided: Mapping[int, RecipientResult], others: Sequence[PendingRecipient], state: OutgoingState) -> str:
    """Why not all have it: of a recipient the message stands where it does for, before any other's."""
    without = [one for one in decided.values() if one.state is not OutgoingState.SENT]
    earlier = [_earlier(one) for one in others if one.state == state and state is not OutgoingState.SENT]
    said = [*(one.said for one in without if one.state is state), *earlier, *(one.said for one in without)]
    return next(iter(said), "")


def _earlier(one: PendingRecipient) -> str:
    code = f" ({one.reply_code})" if one.reply_code else ""
    return f"{one.address}: {one.state} at an earlier try{code}."


def wait_until(due: Due, until: datetime, why: str) -> Ending:
    """Nobody can send it now: it waits, and that was no try."""
    state = OutgoingState.UNCERTAIN if due.state == OutgoingState.UNCERTAIN else OutgoingState.DEFERRED
    return Ending(state, due.attempts, until, why, due.uncertain_since, due.sent_by_id)


def _given_up(
    decided: Mapping[int, RecipientResult], rule: RetrySettings, *, has_expired: bool
) -> dict[int, RecipientResult]:
    def over(result: RecipientResult) -> RecipientResult:
        if result.state not in (OutgoingState.DEFERRED, OutgoingState.UNCERTAIN):
            return result
        if has_expired:
            return RecipientResult(OutgoingState.EXPIRED, None, "", f"It came too late. {result.text}".strip())
        text = f"Not sent within {_spelled(rule)}: {result.text}"
        return RecipientResult(OutgoingState.FAILED, result.reply_code, result.enhanced_code, text)

    return {key: over(result) for key, result in decided.items()}


def _held(decided: Mapping[int, RecipientResult]) -> dict[int, RecipientResult]:
    def held(result: RecipientResult) -> RecipientResult:
        is_uncertain = result.state is OutgoingState.UNCERTAIN
        return RecipientResult(OutgoingState.HELD, text=result.text) if is_uncertain else result

    return {key: held(result) for key, result in decided.items()}


def _spelled(rule: RetrySettings) -> str:
    """The lifetime in the largest unit of which it is a whole number, as it was most likely set."""
    seconds = round(rule.lifetime.total_seconds())
    length, unit = next(each for each in _UNITS if seconds % each[0] == 0)
    return counted(seconds // length, unit)
