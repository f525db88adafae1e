"""One message's way through MAIL, RCPT, DATA and the dot (RFC 5321 §3.3), every outcome kept as a value.

Where the relay offers PIPELINING, an envelope goes in one write, DATA last, and the next message's envelope in one with
the dot before it (RFC 2920 §3.1): a message then costs one round trip. That is safe because of `stuffed`: a message
holds no line end but CRLF and no line with a dot alone, so that no relay finds its end elsewhere than we do.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from core.errors import ConnectionLost, WireError
from core.failpoints import fp
from core.protocols.smtp_dialogue import SmtpDialogue
from core.protocols.smtp_reply import CLOSING, Reply
from core.protocols.smtp_wording import Wording
from core.protocols.steps import Steps
from core.protocols.submission import Phase, SubmitResult

_NEEDS_UTF8 = Reply(550, "5.6.7", "The relay does not take addresses with letters beyond ASCII.", is_ours=True)
_WINDOW = 200
"""Recipients sent ahead: their replies must fit into our input while we still write."""
_MOST_AHEAD = 50
"""Recipients of an envelope that goes in one write with the message before it."""


class Exchange:
    """One submission; used once."""

    def __init__(
        self, dialogue: SmtpDialogue, sender: str, recipients: Sequence[str], raw: bytes, envelope_id: str = ""
    ) -> None:
        self.dialogue = dialogue
        """What it was made ready for."""
        self.is_used = False
        """Whether it was gone through: for another try it is made ready anew."""
        self._given = recipients
        self._wording = Wording(dialogue.offers, sender, recipients, raw, envelope_id)
        self._recipients = self._wording.recipients
        self._is_ahead = False
        """Whether the envelope was sent before it was this message's turn."""
        self._phase = Phase.MAIL
        self._mail: Reply | None = None
        self._answers: list[Reply] = []
        """To the recipients, in their order."""
        self._dot_sent = False
        self._goodbye: Reply | None = None
        self._goodbye_phase = Phase.MAIL
        self._first = self._envelope() if dialogue.offers("PIPELINING") else b""
        """What the relay is sent at once."""

    @property
    def is_ahead(self) -> bool:
        """Whether the relay has this envelope already: it is this message's turn now, or the connection is dropped."""
        return self._is_ahead

    def running(self, following: Exchange | None = None) -> Steps[SubmitResult]:
        """Go all the way; gives back how far it came and what was said.

        The envelope of `following` goes ahead, if this message comes as far as its dot and the relay allows it.
        """
        self.is_used = True
        if not self._wording.can_be_said:
            return self._result(_NEEDS_UTF8)
        try:
            reply = yield from self._deciding_reply(following)
            result = self._result(reply)
        except WireError as error:
            return self._result(self._last_refusal(), error)
        yield from self._leave_clean(result, is_next_begun=following is not None and following.is_ahead)
        return result

    @property
    def _may_go_ahead(self) -> bool:
        return self._wording.can_be_said and len(self._recipients) <= _MOST_AHEAD and self.dialogue.offers("PIPELINING")

    def _deciding_reply(self, following: Exchange | None) -> Steps[Reply]:
        leave = yield from (self._pipelined() if self.dialogue.offers("PIPELINING") else self._stepwise())
        refused = self._mail is not None and not self._mail.is_positive
        nobody = not any(answer.is_positive for answer in self._answers)
        if leave is not None and leave.asks_for_more and (nobody or refused):
            # DATA was sent ahead, before it was known that nobody is left: an empty message ends it (RFC 2920 §3.1).
            yield from self.dialogue.sending(b".")
            yield from self._next()
        if refused and self._mail is not None:
            self._phase = Phase.MAIL
            self._answers = []
            return self._mail
        if nobody:
            self._phase = Phase.RCPT
            return next((answer for answer in self._answers if answer.is_transient), self._answers[0])
        if leave is not None and not leave.asks_for_more:
            self._phase = Phase.DATA
            return self._refusal(leave)
        return (yield from self._message(following))

    def _envelope(self) -> bytes:
        """The whole of it in one write, DATA last (RFC 2920 §3.1); of many recipients the first."""
        lines = [self._wording.mail(), *map(self._wording.rcpt, self._recipients[:_WINDOW])]
        if len(self._recipients) <= _WINDOW:
            lines.append(b"DATA")
        return b"\r\n".join(lines)

    def _pipelined(self) -> Steps[Reply | None]:
        self.dialogue.begin(Phase.MAIL)
        if not self._is_ahead:
            yield from self.dialogue.sending(self._first)
        if len(self._recipients) <= _WINDOW:
            return (yield from self._answers_to_all())
        rest = [self._wording.rcpt(recipient) for recipient in self._recipients[_WINDOW:]]
        self._mail = yield from self._next()
        self._phase = Phase.RCPT
        yield from self._hear(_WINDOW)
        for start in range(0, len(rest), _WINDOW):
            if self._is_full(self._answers[-_WINDOW:]):
                self._phase = Phase.DATA
                return (yield from self._command(b"DATA", leave=True))
            window = rest[start : start + _WINDOW]
            is_last = start + _WINDOW >= len(rest)
            self.dialogue.begin(Phase.RCPT)
            yield from self.dialogue.sending(b"\r\n".join([*window, *([b"DATA"] if is_last else [])]))
            yield from self._hear(len(window))
        self._phase = Phase.DATA
        return (yield from self._next(leave=True))

    def _answers_to_all(self) -> Steps[Reply]:
        """The replies to an envelope that went in one write, DATA's last."""
        said: list[Reply] = []
        try:
            yield from self.dialogue.hearing(said, len(self._recipients) + 2)
        finally:
            # Though it breaks off: what was said until then tells why.
            for reply in said:
                self._take_in(reply)
            if len(self._answers) < len(self._recipients):
                self._answers = []
        return said[-1]

    def _take_in(self, reply: Reply) -> None:
        """One reply of them, in their order."""
        if self._mail is None:
            self._mail = self._checked(reply)
            self._phase = Phase.RCPT
        elif len(self._answers) < len(self._recipients):
            self._answers.append(self._checked(reply))
            if len(self._answers) == len(self._recipients):
                self._phase = Phase.DATA
        else:
            self._checked(reply, leave=True)

    def _stepwise(self) -> Steps[Reply | None]:
        self._mail = yield from self._command(self._wording.mail())
        if not self._mail.is_positive:
            return None
        self._phase = Phase.RCPT
        for recipient in self._recipients:
            answer = yield from self._command(self._wording.rcpt(recipient))
            self._answers.append(answer)
            if self._is_full(self._answers[-1:]):
                break
        if not any(answer.is_positive for answer in self._answers):
            return None
        self._phase = Phase.DATA
        return (yield from self._command(b"DATA", leave=True))

    def _hear(self, recipients: int) -> Steps[None]:
        """The answers to so many recipients, all of them or none."""
        answers = []
        for _ in range(recipients):
            answer = yield from self._next()
            answers.append(answer)
        self._answers += answers

    def _is_full(self, newest: Sequence[Reply]) -> bool:
        """Whether the relay wants no more recipients in this transaction: it is ended with those it took."""
        return any(answer.is_too_many for answer in newest) and any(answer.is_positive for answer in self._answers)

    def _last_refusal(self) -> Reply | None:
        """What the relay said before the connection broke tells more than the break."""
        if self._goodbye is not None:
            self._phase = self._goodbye_phase
            return self._goodbye
        if self._mail is not None and not self._mail.is_positive:
            self._phase = Phase.MAIL
            return self._mail
        return None

    def _message(self, following: Exchange | None) -> Steps[Reply]:
        self._phase = Phase.DOT
        timeouts = self.dialogue.timeouts
        self.dialogue.begin(Phase.DOT, timeouts.transfer(len(self._wording.data)))
        ahead = b""
        if following is not None and following._may_go_ahead:
            ahead = following._first + b"\r\n"
        try:
            yield from self.dialogue.sending_message(self._wording.data, ahead)
        except WireError as error:
            # What failed may have been the envelope alone: then the relay may have the message.
            self._dot_sent = self.dialogue.wire.unsent <= len(ahead)
            if isinstance(error, ConnectionLost) and not self._dot_sent:
                yield from self._hear_goodbye()
            raise
        if following is not None and ahead:
            following._is_ahead = True
        self._dot_sent = True
        fp("K12")
        self.dialogue.begin(Phase.DOT, timeouts.settle)
        return (yield from self._next())

    def _hear_goodbye(self) -> Steps[None]:
        """A relay that had enough may have said so before it hung up."""
        with contextlib.suppress(WireError):
            self.dialogue.wire.begin(Phase.DOT, 1.0, 64 * 1024)
            reply = yield from self.dialogue.replying()
            self._goodbye, self._goodbye_phase = self._refusal(reply), Phase.DOT

    def _refusal(self, reply: Reply) -> Reply:
        """4yz or 5yz where only they can be; anything else is out of step."""
        if not reply.is_transient and not reply.is_permanent:
            self.dialogue.wire.violation("The relay's reply makes no sense at this point.", reply=str(reply))
        return reply

    def _command(self, line: bytes, *, leave: bool = False) -> Steps[Reply]:
        self.dialogue.begin(self._phase)
        yield from self.dialogue.sending(line)
        return (yield from self._next(leave=leave))

    def _next(self, *, leave: bool = False) -> Steps[Reply]:
        reply = yield from self.dialogue.replying()
        return self._checked(reply, leave=leave)

    def _checked(self, reply: Reply, *, leave: bool = False) -> Reply:
        """A reply that may be there; a goodbye is remembered."""
        if reply.asks_for_more and not leave:
            self._refusal(reply)
        if reply.code == CLOSING and self._goodbye is None:
            self._goodbye, self._goodbye_phase = reply, self._phase
        return reply

    def _leave_clean(self, result: SubmitResult, *, is_next_begun: bool) -> Steps[None]:
        """Whatever was begun is over before the next message; a reply to the dot ends it, whatever it says."""
        if self._goodbye is not None:
            self.dialogue.wire.close()
        elif is_next_begun:
            return
        elif not result.taken and not self.dialogue.wire.broken:
            try:
                self.dialogue.begin("reset", self.dialogue.timeouts.login)
                yield from self.dialogue.sending(b"RSET")
                reply = yield from self.dialogue.replying()
                if not reply.is_positive:
                    self.dialogue.wire.close()
            except WireError:
                self.dialogue.wire.close()

    def _answered(self) -> Iterator[tuple[str, Reply | None]]:
        """What was said to each recipient, in the order given; by us to those who cannot be named here."""
        if self._answers and len(self._answers) == len(self._given):
            yield from zip(self._given, self._answers, strict=True)  # as nearly always
            return
        missing = len(self._recipients) - len(self._answers)
        answers: Iterator[Reply | None] = iter([*self._answers, *[None] * missing])
        for one in self._given:
            yield one, next(answers) if self._wording.can_name(one) else _NEEDS_UTF8

    def _result(self, reply: Reply | None, error: WireError | None = None) -> SubmitResult:
        return SubmitResult(
            phase=self._phase,
            reply=reply,
            recipients=tuple(self._answered()),
            taken=self._dot_sent and reply is not None and reply.is_positive,
            dot_sent=self._dot_sent,
            error=error,
        )
