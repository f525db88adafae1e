"""The sink with rules: at a phase of the dialogue it may refuse, drop, fall silent or talk nonsense."""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from tui.demo.certificates import ServerCertificate
from tui.demo.ledger import Delivered
from tui.demo.sink import SmtpSink
from tui.demo.sink_session import Security, SinkSession


class Phase(StrEnum):
    """Where in the dialogue a rule may apply."""

    CONNECT = "CONNECT"
    """In place of the greeting."""
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    """In place of 354."""
    DOT = "DOT"
    """In place of the reply to the final dot."""
    RSET = "RSET"
    QUIT = "QUIT"


class Action(StrEnum):
    """What a rule may do beyond replying with a text."""

    DROP = "drop"
    """End the connection without a word."""
    HANG = "hang"
    """Never answer; the connection stays."""
    GARBAGE = "garbage"
    """Answer with bytes that are no reply."""
    TAKE_THEN_DROP = "take then drop"
    """Only at DOT: the message stands in the ledger, and the client never learns of it."""
    TAKE_THEN_HANG = "take then hang"
    """Only at DOT: as above, but the connection stays."""


@dataclass(frozen=True)
class Rule:
    """One misbehaviour: where, what, and when."""

    phase: Phase
    action: Action | str
    """An `Action`, or the reply: `450 4.7.1 Come back later`. After 421 the connection is closed."""
    nth: int | None = None
    """Only at this hit of the phase, from 1, among those that match. None: at each."""
    first: int | None = None
    """Only at the first so many hits among those that match. None: no end."""
    matching: str = ""
    """A regular expression that the argument must contain; at DOT the recipients, a line feed, and the message."""


class RuledSession(SinkSession):
    """A connection that asks the sink's rules before each step."""

    sink: "RuledSink"

    def __init__(self, sink: SmtpSink, number: int) -> None:
        super().__init__(sink, number)
        for phase in Phase:
            if phase in self._smtp_methods:
                self._smtp_methods[phase] = self._ruled(phase, self._smtp_methods[phase])

    def _ruled(
        self, phase: Phase, method: Callable[[str | None], Awaitable[None]]
    ) -> Callable[[str | None], Awaitable[None]]:
        async def step(argument: str | None) -> None:
            action = self.sink.action_for(phase, argument or "")
            if action is None:
                await method(argument)
            else:
                await self._carry_out(action)

        return step

    async def _handle_client(self) -> None:
        action = self.sink.action_for(Phase.CONNECT, "")
        if action is not None:
            await self._carry_out(action)
        if action in (None, Action.GARBAGE):
            await super()._handle_client()
        elif self.transport is not None:
            self.transport.close()

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient, unless the transaction has its most."""
        if self.sink.most_recipients and len(envelope.rcpt_tos) >= self.sink.most_recipients:
            return "452 4.5.3 Error: too many recipients"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 Ok"

    async def settle(self, delivered: Delivered) -> str:
        text = " ".join(delivered.recipients) + "\n" + delivered.raw.decode("latin-1")
        action = self.sink.action_for(Phase.DOT, text)
        if action is None:
            return await super().settle(delivered)
        if action in (Action.TAKE_THEN_DROP, Action.TAKE_THEN_HANG):
            self.sink.keep(delivered)
        if isinstance(action, Action) or action.startswith("421"):
            await self._carry_out(action)
            return "221 2.0.0 Bye"
        return action

    async def _carry_out(self, action: Action | str) -> None:
        match action:
            case Action.DROP | Action.TAKE_THEN_DROP:
                assert isinstance(self.transport, asyncio.Transport)
                self.transport.abort()
                await asyncio.Event().wait()  # until the lost connection cancels us
            case Action.HANG | Action.TAKE_THEN_HANG:
                await asyncio.Event().wait()
            case Action.GARBAGE:
                await self.push(b"\x00\xff\xfe\x1b]0;what\x07 is this")
            case reply:
                await self.push(reply)
                if reply.startswith("421") and self.transport is not None:
                    self.transport.close()
                    await asyncio.Event().wait()


class RuledSink(SmtpSink):
    """A sink that tests can teach to misbehave; rules may be added while it runs."""

    session_class = RuledSession

    def __init__(
        self,
        security: Security = Security.NONE,
        certificate: ServerCertificate | None = None,
        users: Mapping[str, str] | None = None,
        *,
        auth_required: bool = False,
        ledger: Path | None = None,
        size_limit: int = 33_554_432,
        most_recipients: int = 0,
    ) -> None:
        super().__init__(
            security, certificate, users, auth_required=auth_required, ledger=ledger, size_limit=size_limit
        )
        self.most_recipients = most_recipients
        """Of one transaction; 0: as many as come."""
        self.hits: Counter[Phase] = Counter()
        """How often each phase was reached."""
        self._rules: tuple[Rule, ...] = ()
        self._matched: Counter[Rule] = Counter()

    def rule(
        self,
        phase: Phase,
        action: Action | str,
        *,
        nth: int | None = None,
        first: int | None = None,
        matching: str = "",
    ) -> None:
        """Add a rule; the first one that applies wins."""
        self._rules = (*self._rules, Rule(phase, action, nth, first, matching))

    def clear_rules(self) -> None:
        """Be a good server from now on."""
        self._rules = ()

    def action_for(self, phase: Phase, argument: str) -> Action | str | None:
        """What to do at this step instead of the right thing."""
        self.hits[phase] += 1
        for rule in self._rules:
            if rule.phase is phase and re.search(rule.matching, argument):
                self._matched[rule] += 1
                if applies(rule, self._matched[rule]):
                    return rule.action
        return None


def applies(rule: Rule, hit: int) -> bool:
    """Whether a rule acts at the so-and-so-many-th step that it matches, from 1."""
    return (rule.nth is None or hit == rule.nth) and (rule.first is None or hit <= rule.first)
