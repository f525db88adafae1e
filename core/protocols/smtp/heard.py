"""What a relay has said of one message so far, and what that comes to. Decides only: nothing is sent here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.errors import WireError
from core.protocols.smtp.reply import Reply
from core.protocols.smtp.submission import Phase, SubmitResult
from core.protocols.smtp.wording import Wording

NEEDS_UTF8 = Reply(550, "5.6.7", "The relay does not take addresses with letters beyond ASCII.", is_ours=True)


class Heard:
    """The replies to one message, in their order."""

    def __init__(self, wording: Wording, given: Sequence[str]) -> None:
        """`given` are all whom the message is for, also those who cannot be named to this relay."""
        self._wording = wording
        self._given = given
        self.phase = Phase.MAIL
        """What the next reply is about."""
        self.mail: Reply | None = None
        self.answers: list[Reply] = []
        """To the recipients, in their order."""
        self.dot_sent = False
        """Whether the final dot was handed to the network."""
        self.goodbye: Reply | None = None
        """The relay ends the session."""
        self._goodbye_phase = Phase.MAIL

    @property
    def is_answered(self) -> bool:
        """Whether every recipient who was named has an answer."""
        return len(self.answers) >= len(self._wording.recipients)

    @property
    def has_takers(self) -> bool:
        """Whether the relay takes the sender, and at least one recipient."""
        return not self.is_sender_refused and any(answer.is_positive for answer in self.answers)

    @property
    def is_sender_refused(self) -> bool:
        """Whether the relay does not take the sender."""
        return self.mail is not None and not self.mail.is_positive

    def take_in(self, reply: Reply) -> None:
        """The reply to MAIL, then those to the recipients; what comes after them is nobody's."""
        if self.mail is None:
            self.mail = reply
            self.phase = Phase.RCPT
        elif not self.is_answered:
            self.answers.append(reply)
            if self.is_answered:
                self.phase = Phase.DATA

    def say_goodbye(self, reply: Reply) -> None:
        """This reply ends the session."""
        self.goodbye, self._goodbye_phase = reply, self.phase

    def is_full(self, newest: Sequence[Reply]) -> bool:
        """Whether the relay wants no more recipients in this transaction: it is ended with those it took."""
        return any(answer.is_too_many for answer in newest) and any(answer.is_positive for answer in self.answers)

    def refusal_of_envelope(self) -> Reply | None:
        """What refuses the sender, or all recipients; `None` when somebody is left."""
        if self.is_sender_refused:
            self.phase = Phase.MAIL
            self.answers = []
            return self.mail
        if any(answer.is_positive for answer in self.answers):
            return None
        self.phase = Phase.RCPT
        return next((answer for answer in self.answers if answer.is_transient), self.answers[0])

    def last_refusal(self) -> Reply | None:
        """What the relay said before the connection broke tells more than the break."""
        if self.goodbye is not None:
            self.phase = self._goodbye_phase
            return self.goodbye
        if self.is_sender_refused:
            self.phase = Phase.MAIL
            return self.mail
        return None

    def result(self, reply: Reply | None, error: WireError | None = None) -> SubmitResult:
        """What became of the message: the reply that decided, or how the connection broke."""
        return SubmitResult(
            phase=self.phase,
            reply=reply,
            recipients=tuple(self._answered()),
            taken=self.dot_sent and reply is not None and reply.is_positive,
            dot_sent=self.dot_sent,
            error=error,
        )

    def _answered(self) -> Iterator[tuple[str, Reply | None]]:
        """What was said to each recipient, in the order given; by us to those who cannot be named here."""
        if self.answers and len(self.answers) == len(self._given):
            yield from zip(self._given, self.answers, strict=True)  # as nearly always
            return
        missing = len(self._wording.recipients) - len(self.answers)
        answers: Iterator[Reply | None] = iter([*self.answers, *[None] * missing])
        for one in self._given:
            yield one, next(answers) if self._wording.can_name(one) else NEEDS_UTF8
