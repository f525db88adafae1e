"""What a submission means for its recipients and for the mailbox: pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from core.models import OutgoingState
from core.outbound.decisions.replies import Blame, judge_reply
from core.outbox.settle import RecipientResult
from core.outbox.standing import message_state
from core.protocols.smtp.reply import Reply
from core.protocols.smtp.submission import Phase, SubmitResult

_PHASES = {Phase.MAIL: "mail", Phase.RCPT: "rcpt", Phase.DATA: "data", Phase.DOT: "dot"}
_NOBODY: Mapping[str, RecipientResult] = MappingProxyType({})


class Reading(NamedTuple):
    """What a submission came to."""

    results: Mapping[str, RecipientResult]
    """By address; who is missing had no answer of his own: the next mailbox may try."""
    blame: str = ""
    """Why this mailbox cannot send it; empty: it can."""
    does_cool: bool = False
    """Whether the mailbox is left alone for a while."""
    is_too_large: bool = False
    """Whether the message is merely larger than this mailbox takes, which is well otherwise."""
    sender_refused: RecipientResult | None = None
    """What was said, for good, of a sender that this mailbox may not send for."""
    unnamed: Mapping[str, RecipientResult] = _NOBODY
    """By address, those that only SMTPUTF8 could name, which this relay does not offer: another mailbox's may."""
    most_recipients: int = 0
    """So many were taken, then more were too many: the rest goes in another transaction. 0: all had answers."""
    reply: Reply | None = None
    """What decided."""
    text: str = ""
    """Where there was no reply: why not."""

    @property
    def outcome(self) -> OutgoingState:
        """The state this try led to."""
        if len(self.results) == 1 and not self.blame and not self.unnamed:
            return message_state([result.state for result in self.results.values()])
        states = {result.state for result in self.results.values()}
        if self.blame or self.unnamed:
            states.add(OutgoingState.DEFERRED)
        return message_state(states)


class _NotSent(NamedTuple):
    """Why a mailbox did not send a message."""

    text: str
    blame: Blame = Blame.MAILBOX
    reply: Reply | None = None


def read_result(result: SubmitResult, sender: str, *, is_own_sender: bool = False) -> Reading:
    """Tell the recipients' faults from the mailbox's and the sender's (RFC 5321 §4.2.1; see `replies`)."""
    reply = result.reply
    if result.taken and reply is not None and all(answer and answer.is_positive for _, answer in result.recipients):
        told = _result(OutgoingState.SENT, reply)
        return Reading({address: told for address, _ in result.recipients}, reply=reply)
    text = str(reply) if reply is not None else str(result.error)
    results: dict[str, RecipientResult] = {}
    unnamed: dict[str, RecipientResult] = {}
    not_sent: _NotSent | None = None
    judge = partial(_judged, sender=sender, is_own_sender=is_own_sender)
    about_all = _about_all(result, judge, text)
    most = _most_recipients(result)
    has_hung_up = _has_hung_up(result)
    for address, answer in result.recipients:
        if (most and (answer is None or answer.is_too_many)) or (
            has_hung_up and (answer is None or answer.is_positive)
        ):
            continue  # its turn comes in the next transaction
        if (ours := answer or reply) is not None and ours.is_ours:
            unnamed[address] = _result(OutgoingState.FAILED, ours)
            continue
        judged = about_all if answer is None or answer.is_positive else judge(answer, Phase.RCPT)
        if isinstance(judged, RecipientResult):
            results[address] = judged
        elif not_sent is None or (judged.blame is Blame.MAILBOX and not_sent.blame is not Blame.MAILBOX):
            not_sent = judged
    if not_sent is None:
        return Reading(results, unnamed=unnamed, most_recipients=most, reply=reply, text=text)
    return Reading(
        results,
        not_sent.text,
        does_cool=not_sent.blame is Blame.MAILBOX,
        is_too_large=not_sent.blame is Blame.TOO_LARGE,
        sender_refused=_refusal_of_sender(not_sent),
        unnamed=unnamed,
        most_recipients=most,
        reply=reply,
        text=text,
    )


def _most_recipients(result: SubmitResult) -> int:
    """How many recipients a transaction took before the server said that more are too many; 0: it did not say so."""
    if not any(reply is not None and reply.is_too_many for _, reply in result.recipients):
        return 0
    return sum(reply is not None and reply.is_positive for _, reply in result.recipients)


def _has_hung_up(result: SubmitResult) -> bool:
    """Whether the server ended the connection upon a recipient (521; Exim's `drop`): it is not asked for him again."""
    if result.reply is not None or result.dot_sent:
        return False
    answers = result.answers
    return bool(answers) and answers[-1].is_permanent


def _about_all(
    result: SubmitResult, judge: Callable[[Reply, Phase], RecipientResult | _NotSent], text: str
) -> RecipientResult | _NotSent:
    """What the decisive reply says of the recipients that were not refused."""
    if result.uncertain:
        return RecipientResult(OutgoingState.UNCERTAIN, text=f"It may have been taken: {text}")
    if result.reply is None:
        return _NotSent(text)
    if result.taken:
        return _result(OutgoingState.SENT, result.reply)
    return judge(result.reply, result.phase)


def _judged(reply: Reply, phase: Phase, *, sender: str, is_own_sender: bool) -> RecipientResult | _NotSent:
    blame = judge_reply(
        reply.code, reply.enhanced, reply.text, _PHASES[phase], sender=sender, is_own_sender=is_own_sender
    )
    match blame:
        case Blame.MAILBOX | Blame.SENDER | Blame.TOO_LARGE:
            return _NotSent(str(reply), blame, reply)
        case Blame.RECIPIENT_TRANSIENT:
            return _result(OutgoingState.DEFERRED, reply)
        case _:
            return _result(OutgoingState.FAILED, reply)


def _result(state: OutgoingState, reply: Reply) -> RecipientResult:
    return RecipientResult(state, reply.code, reply.enhanced, reply.text)


def _refusal_of_sender(not_sent: _NotSent) -> RecipientResult | None:
    if not_sent.blame is not Blame.SENDER or not_sent.reply is None or not not_sent.reply.is_permanent:
        return None
    return _result(OutgoingState.FAILED, not_sent.reply)
