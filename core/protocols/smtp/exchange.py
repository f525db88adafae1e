"""One message's way through MAIL, RCPT, DATA and the dot (RFC 5321 §3.3): what is sent when, and what is waited for.

Where the relay offers PIPELINING, an envelope goes in one write, DATA last, and the next message's envelope in one with
the dot before it (RFC 2920 §3.1): a message then costs one round trip. That is safe because of `stuffed`: a message
holds no line end but CRLF and no line with a dot alone, so that no relay finds its end elsewhere than we do.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from core.errors import ConnectionLost, WireError
from core.failpoints import fp
from core.protocols.smtp.dialogue import SmtpDialogue
from core.protocols.smtp.heard import NEEDS_UTF8, Heard
from core.protocols.smtp.reply import CLOSING, Reply
from core.protocols.smtp.submission import Phase, SubmitResult
from core.protocols.smtp.wording import Wording
from core.protocols.steps import Steps

_WINDOW = 200
"""Recipients sent ahead: their replies must fit into our input while we still write."""
_BAD_SEQUENCE = 503
"""To MAIL: a transaction is open already (RFC 5321 §4.1.4)."""
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
        self._wording = Wording(dialogue.offers, sender, recipients, raw, envelope_id)
        self._heard = Heard(self._wording, recipients)
        self._recipients = self._wording.recipients
        self._is_ahead = False
        """Whether the envelope was sent before it was this message's turn."""
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
            return self._heard.result(NEEDS_UTF8)
        try:
            reply = yield from self._deciding_reply(following)
            result = self._heard.result(reply)
        except WireError as error:
            return self._heard.result(self._heard.last_refusal(), error)
        yield from self._leave_clean(result, is_next_begun=following is not None and following.is_ahead)
        return result

    @property
    def _may_go_ahead(self) -> bool:
        return self._wording.can_be_said and len(self._recipients) <= _MOST_AHEAD and self.dialogue.offers("PIPELINING")

    def _deciding_reply(self, following: Exchange | None) -> Steps[Reply]:
        leave = yield from (self._pipelined() if self.dialogue.offers("PIPELINING") else self._stepwise())
        if leave is not None and leave.asks_for_more and not self._heard.has_takers:
            yield from self._end_unwanted()
        if (refused := self._heard.refusal_of_envelope()) is not None:
            return refused
        if leave is not None and not leave.asks_for_more:
            self._heard.phase = Phase.DATA
            return self._refusal(leave)
        return (yield from self._message(following))

    def _end_unwanted(self) -> Steps[None]:
        """DATA was sent ahead, before it was known that nobody is left: an empty message ends it (RFC 2920 §3.1)."""
        if self._heard.is_sender_refused:
            # It would be a message of some other transaction, which the relay has kept.
            self.dialogue.wire.close()
            return
        yield from self.dialogue.sending(b".")
        yield from self._next()

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
        self._heard.take_in((yield from self._next()))
        yield from self._hear(_WINDOW)
        for start in range(0, len(rest), _WINDOW):
            if self._heard.is_full(self._heard.answers[-_WINDOW:]):
                self._heard.phase = Phase.DATA
                return (yield from self._command(b"DATA", leave=True))
            window = rest[start : start + _WINDOW]
            is_last = start + _WINDOW >= len(rest)
            self.dialogue.begin(Phase.RCPT)
            yield from self.dialogue.sending(b"\r\n".join([*window, *([b"DATA"] if is_last else [])]))
            yield from self._hear(len(window))
        self._heard.phase = Phase.DATA
        return (yield from self._next(leave=True))

    def _answers_to_all(self) -> Steps[Reply]:
        """The replies to an envelope that went in one write, DATA's last."""
        said: list[Reply] = []
        try:
            if self._is_ahead:
                yield from self._hear_first(said)
            yield from self.dialogue.hearing(said, len(self._recipients) + 2)
        finally:
            if self._is_ahead and said and said[0].code == _BAD_SEQUENCE:
                # The message before was refused, and Postfix keeps a transaction that it refuses at its end
                # (smtpd_end_of_data_restrictions): these recipients were added to that one.
                said.clear()
            # Though it breaks off: what was said until then tells why.
            for reply in said:
                self._heard.take_in(self._checked(reply, leave=self._heard.is_answered))
        if not said:
            self.dialogue.wire.violation(
                "The server has not ended the transaction before; nothing more was said in it."
            )
        return said[-1]

    def _hear_first(self, said: list[Reply]) -> Steps[None]:
        """What went ahead may be lost: some servers (chasquid 1.11) throw away what came with the message."""
        timeouts = self.dialogue.timeouts
        self.dialogue.begin(Phase.MAIL, min(timeouts.ahead, timeouts.command))
        yield from self.dialogue.hearing(said, 1)
        self.dialogue.begin(Phase.MAIL)

    def _stepwise(self) -> Steps[Reply | None]:
        mail = yield from self._command(self._wording.mail())
        self._heard.take_in(mail)
        if not mail.is_positive:
            return None
        for recipient in self._recipients:
            answer = yield from self._command(self._wording.rcpt(recipient))
            self._heard.take_in(answer)
            if self._heard.is_full([answer]):
                break
        if not self._heard.has_takers:
            return None
        self._heard.phase = Phase.DATA
        return (yield from self._command(b"DATA", leave=True))

    def _hear(self, recipients: int) -> Steps[None]:
        """The answers to so many recipients, all of them or none."""
        answers = []
        for _ in range(recipients):
            answer = yield from self._next()
            answers.append(answer)
        self._heard.answers += answers

    def _message(self, following: Exchange | None) -> Steps[Reply]:
        self._heard.phase = Phase.DOT
        timeouts = self.dialogue.timeouts
        self.dialogue.begin(Phase.DOT, timeouts.transfer(len(self._wording.data)))
        ahead = b""
        if following is not None and following._may_go_ahead:
            ahead = following._first + b"\r\n"
        try:
            yield from self.dialogue.sending_message(self._wording.data, ahead)
        except WireError as error:
            # What failed may have been the envelope alone: then the relay may have the message.
            self._heard.dot_sent = self.dialogue.wire.unsent <= len(ahead)
            if isinstance(error, ConnectionLost) and not self._heard.dot_sent:
                yield from self._hear_goodbye()
            raise
        if following is not None and ahead:
            following._is_ahead = True
        self._heard.dot_sent = True
        fp("K12")
        self.dialogue.begin(Phase.DOT, timeouts.settle)
        return (yield from self._next())

    def _hear_goodbye(self) -> Steps[None]:
        """A relay that had enough may have said so before it hung up."""
        with contextlib.suppress(WireError):
            self.dialogue.wire.begin(Phase.DOT, 1.0, 64 * 1024)
            reply = yield from self.dialogue.replying()
            self._heard.say_goodbye(self._refusal(reply))

    def _refusal(self, reply: Reply) -> Reply:
        """4yz or 5yz where only they can be; anything else is out of step."""
        if not reply.is_transient and not reply.is_permanent:
            self.dialogue.wire.violation("The relay's reply makes no sense at this point.", reply=str(reply))
        return reply

    def _command(self, line: bytes, *, leave: bool = False) -> Steps[Reply]:
        self.dialogue.begin(self._heard.phase)
        yield from self.dialogue.sending(line)
        return (yield from self._next(leave=leave))

    def _next(self, *, leave: bool = False) -> Steps[Reply]:
        reply = yield from self.dialogue.replying()
        return self._checked(reply, leave=leave)

    def _checked(self, reply: Reply, *, leave: bool = False) -> Reply:
        """A reply that may be there; a goodbye is remembered."""
        if reply.asks_for_more and not leave:
            self._refusal(reply)
        if reply.code == CLOSING and self._heard.goodbye is None:
            self._heard.say_goodbye(reply)
        return reply

    def _leave_clean(self, result: SubmitResult, *, is_next_begun: bool) -> Steps[None]:
        """Whatever was begun is over before the next message; a reply to the dot ends it, whatever it says."""
        if self._heard.goodbye is not None:
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
