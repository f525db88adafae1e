"""SMTP as a way out (RFC 5321, RFC 6409): one login, many messages, envelopes sent ahead where offered (RFC 2920)."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Sequence

from core.clock import elapsed_ms, monotonic
from core.errors import WireError
from core.protocols.findings import Announced
from core.protocols.opening import Milestone, finished, opening
from core.protocols.server import Login, Server, Timeouts
from core.protocols.smtp.dialogue import SmtpDialogue
from core.protocols.smtp.exchange import Exchange
from core.protocols.smtp.reply import Reply
from core.protocols.smtp.submission import Phase, SubmitResult, checked_envelope
from core.protocols.source import SessionFacts
from core.protocols.steps import Steps, waited
from core.protocols.transcript import Transcript
from core.protocols.wire import Wire


class SmtpConnection:
    """A connection to a relay, logged in if a login was given."""

    def __init__(self, dialogue: SmtpDialogue, facts: SessionFacts) -> None:
        self.facts = facts
        """What is known of the connection."""
        self.count = 0
        """How many messages were submitted, with whatever outcome."""
        self.ahead: Exchange | None = None
        """The message whose envelope the relay has already: it is the next, or the connection is dropped."""
        self._dialogue = dialogue
        self._opened = monotonic()

    @property
    def age(self) -> float:
        """Seconds since it was opened."""
        return monotonic() - self._opened

    @property
    def is_usable(self) -> bool:
        """Whether another message can be submitted: the connection is in step and the relay has not said goodbye."""
        return not self._dialogue.wire.broken

    @property
    def size_limit(self) -> int:
        """The largest message the relay takes, in bytes; 0: it does not say."""
        return self._dialogue.size_limit

    @property
    def recipients_limit(self) -> int:
        """The most recipients the relay takes in one transaction; 0: it does not say."""
        return self._dialogue.recipients_limit

    def offers(self, feature: str) -> bool:
        """Whether the relay listed this feature in its answer to EHLO."""
        return self._dialogue.offers(feature)

    def submit(self, sender: str, recipients: Sequence[str], raw: bytes, envelope_id: str = "") -> SubmitResult:
        """Hand over one message, its lines ended by CRLF. Raises `UnsafeMessage` alone; all else is in the result.

        `envelope_id` is what reports on it name, where the relay offers that (RFC 3461).
        """
        return waited(self.running(self.prepared(sender, recipients, raw, envelope_id)))

    def prepared(self, sender: str, recipients: Sequence[str], raw: bytes, envelope_id: str = "") -> Exchange:
        """A message made ready for this connection. Raises `UnsafeMessage` if it must not leave."""
        checked_envelope(sender, recipients)
        return Exchange(self._dialogue, sender, recipients, raw, envelope_id)

    def is_for(self, exchange: Exchange) -> bool:
        """Whether a message was made ready for this connection."""
        return exchange.dialogue is self._dialogue

    def running(self, exchange: Exchange, following: Exchange | None = None) -> Steps[SubmitResult]:
        """Hand over a message, in steps, so that one thread may serve several connections.

        The envelope of the one that is to follow goes ahead with its dot where that is allowed. If it did
        (`following.is_ahead`), that message is the next, or the connection is to be dropped.
        """
        if self.ahead is not None and self.ahead is not exchange:
            self.drop()
        self.count += 1
        result = yield from exchange.running(following)
        self.ahead = following if following is not None and following.is_ahead else None
        return result

    def check_envelope(self, sender: str, recipient: str) -> Iterator[tuple[Phase, Reply]]:
        """MAIL, RCPT and DATA one by one up to the relay's 354, for a test; `drop` the connection then."""
        checked_envelope(sender, (recipient,))
        for phase, line in (
            (Phase.MAIL, f"MAIL FROM:<{sender}>"),
            (Phase.RCPT, f"RCPT TO:<{recipient}>"),
            (Phase.DATA, "DATA"),
        ):
            yield phase, self._dialogue.command(line.encode(), phase)

    def noop(self) -> None:
        """NOOP: fails if the connection is dead."""
        reply = self._dialogue.command(b"NOOP", "noop")
        if not reply.is_positive:
            self.drop()
            raise self._dialogue.refused(reply, "The relay ends the session")

    def quit(self) -> None:
        """Say goodbye; what the relay answers does not matter any more."""
        if self.is_usable and self.ahead is None:
            with contextlib.suppress(WireError):
                self._dialogue.wire.begin("quit", min(5.0, self._dialogue.timeouts.command), 64 * 1024)
                self._dialogue.send(b"QUIT")
                self._dialogue.reply()
        self.drop()

    def drop(self) -> None:
        """Abandon the connection without a word; may be called from another thread."""
        self._dialogue.wire.close()


def open_smtp(
    server: Server,
    login: Login | None,
    *,
    ehlo_name: str,
    timeouts: Timeouts | None = None,
) -> SmtpConnection:
    """A connection ready to take messages."""
    return finished(opening_smtp(server, login, ehlo_name, timeouts))


def opening_smtp(
    server: Server,
    login: Login | None,
    ehlo_name: str,
    timeouts: Timeouts | None = None,
    transcript: Transcript | None = None,
) -> Generator[Milestone, None, SmtpConnection]:
    """The same, a step at a time."""
    allowed = timeouts or Timeouts()
    if transcript is not None and login is not None:
        transcript.hide(*login.secrets())

    def begin(wire: Wire) -> SmtpDialogue:
        return SmtpDialogue(wire, allowed, ehlo_name, transcript)

    started = monotonic()
    dialogue = yield from opening(server, allowed, begin)
    wire = dialogue.wire
    with wire.closed_on_failure():
        features, limit = dialogue.ehlo(), dialogue.size_limit
        yield Milestone("ehlo", f"{features}{_limit_line(limit)}", Announced(limit, dialogue.offers("SMTPUTF8")))
        connect_ms, started = elapsed_ms(started), monotonic()
        if login is not None:
            dialogue.log_in(login)
            yield Milestone("login", f"{login.username} ({dialogue.signed_in_by})")
    facts = SessionFacts(
        dialogue.greeting,
        frozenset(f"{keyword} {rest}".strip() for keyword, rest in dialogue.features.items()),
        wire.tls,
        str(wire.address),
        connect_ms,
        elapsed_ms(started),
    )
    return SmtpConnection(dialogue, facts)


def _limit_line(limit: int) -> str:
    return f"; messages up to {limit / 2**20:,.4g} MiB" if limit else ""
