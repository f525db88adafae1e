"""POP3 as commands and answers (RFC 1939, RFC 2449): a reader that knows no longest line and sends ahead."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Never

from core.errors import NotOffered, Throttled, WireError
from core.protocols import sasl
from core.protocols.refusals import refusal, words
from core.protocols.server import Caps, Login, Timeouts
from core.protocols.signing_in import SigningIn
from core.protocols.transcript import Transcript
from core.protocols.wire import Wire

_TIMESTAMP = re.compile(rb"<[^>]*>\s*$")


@dataclass(frozen=True)
class Retrieval:
    """Messages that are asked for together, and within which limits their answers have to stay."""

    numbers: tuple[int, ...]
    longest: int
    """The most bytes of one."""
    budget: int
    """The most bytes of all."""
    seconds: float


@dataclass
class _Ahead:
    """What was asked for before it is wanted."""

    wanted: Retrieval
    answers: list[bytes | str] | None = None
    """Once they had to be taken in."""


class Pop3Dialogue(SigningIn):
    """Speaks POP3 over a wire; knows what the server offers."""

    own_command = "USER and PASS"
    spoken_ways = (own_command, "PLAIN", "LOGIN")

    def __init__(self, wire: Wire, timeouts: Timeouts, caps: Caps, transcript: Transcript | None) -> None:
        super().__init__(wire, timeouts, transcript)
        self.caps = caps
        self.capabilities: frozenset[str] = frozenset()
        """What CAPA lists, in upper case; empty where the server does not know CAPA."""
        self._ahead: _Ahead | None = None

    def offers(self, capability: str) -> bool:
        """Whether the server announced this capability."""
        return capability in self.capabilities

    def greet(self) -> str:
        """Take the greeting (RFC 1939 §4)."""
        self.wire.begin("greeting", self.timeouts.login, self.caps.command)
        self.greeting = words(_TIMESTAMP.sub(b"", self._status("What answers on this port is no POP3 server.")))
        return self.greeting

    def ask_for_tls(self) -> None:
        """STLS (RFC 2595 §4), which must be offered."""
        self.refresh_capabilities()
        if not self.offers("STLS"):
            self._refuse_clear("STLS", 995)
        self.command(b"STLS", phase="tls", seconds=self.timeouts.login)
        self.capabilities = frozenset()

    def log_in(self, login: Login) -> None:
        """Sign in by the strongest way that both sides know."""
        self._secrets = login.secrets()
        self.refresh_capabilities()
        if login.token is not None:
            # Where no mechanism is announced at all, it may be known all the same.
            self._sign_in_with_token(login, self._mechanisms() or {"XOAUTH2"})
        else:
            self._sign_in(login, self._offered())
        # Servers offer more to those who are logged in.
        self.refresh_capabilities()

    def command(self, line: bytes, *, phase: str, seconds: float | None = None, shown: str = "") -> bytes:
        """Send a command and take its one-line answer; -ERR is raised. `shown` hides the rest from transcripts."""
        self.begin(phase, seconds or self.timeouts.command, self.caps.command)
        self._send(line, shown)
        return self._status()

    def lines(self, command: bytes, *, phase: str, budget: int, expected: int = 0) -> list[bytes]:
        """Send a command and take its answer of many lines: at most `budget` bytes, time for `expected`."""
        self.begin(phase, self.timeouts.transfer(expected), budget)
        self._send(command, "")
        self._status()
        return self._body(budget).splitlines()

    def retrieve(self, wanted: Retrieval, following: Retrieval | None = None) -> Iterator[bytes | str]:
        """RETR each: the message, or the server's words why not. Sent ahead where the server allows it.

        What follows is asked for too, before the first of these is read: the server works while we do.

        Raises:
            Throttled: the server asks to come back later; the connection is closed.
        """
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead.wanted != wanted:
            self._read(ahead)  # not wanted any more, but on its way
            ahead = None
        self._start_reading(wanted.budget + (following.budget if following is not None else 0), wanted.seconds)
        if self.offers("PIPELINING"):
            if ahead is None:
                self._send_together(wanted)
            if following is not None:
                self._send_together(following)
                self._ahead = _Ahead(following)
        yield from self._answers(wanted) if ahead is None or ahead.answers is None else ahead.answers

    def settle(self) -> None:
        """Take in what was asked for and is on its way; it is given when it is wanted."""
        if self._ahead is not None:
            self._read(self._ahead)

    def begin(self, phase: str, seconds: float, budget: int) -> None:
        """From here on one operation, after what is on its way has been taken in."""
        self.settle()
        super().begin(phase, seconds, budget)

    def _read(self, ahead: _Ahead) -> None:
        if ahead.answers is None:
            self._start_reading(ahead.wanted.budget, ahead.wanted.seconds)
            ahead.answers = list(self._answers(ahead.wanted))

    def _start_reading(self, budget: int, seconds: float) -> None:
        super().begin("fetch", seconds, budget)

    def _send_together(self, wanted: Retrieval) -> None:
        self.wire.send(b"".join(b"RETR %d\r\n" % number for number in wanted.numbers))

    def _answers(self, wanted: Retrieval) -> Iterator[bytes | str]:
        peace: Throttled | None = None
        for number in wanted.numbers:
            command = b"RETR %d" % number
            if self.offers("PIPELINING"):
                self._tell(command, "")
            else:
                self._send(command, "")
            try:
                self._status()
                answer: bytes | str = self._body(wanted.longest)
            except WireError as error:
                if peace is not None and (self.wire.broken or isinstance(error, Throttled)):
                    self._give_peace(peace)
                if self.wire.broken:
                    raise
                if isinstance(error, Throttled):
                    peace = error
                    continue
                answer = error.reply or "refused"
            if peace is not None:
                # The server went on: its words were about that one message, which stops no other.
                yield peace.reply
                peace = None
            yield answer
        if peace is not None:
            self._give_peace(peace)

    def _give_peace(self, asked: Throttled) -> Never:
        self.wire.close()  # answers may be on their way, and a QUIT would be one more command
        raise asked

    def mark_deleted(self, numbers: Iterable[int]) -> Iterator[str]:
        """DELE each: nothing, or the server's words why not."""
        self.begin("delete", self.timeouts.command, self.caps.command)
        for _ in self._sent([b"DELE %d" % number for number in numbers]):
            try:
                self._status()
            except WireError as error:
                if self.wire.broken:
                    raise
                yield error.reply or "refused"
            else:
                yield ""

    def refresh_capabilities(self) -> None:
        """CAPA (RFC 2449 §5); old servers do not know it."""
        try:
            answered = self.lines(b"CAPA", phase="capability", budget=64 * 1024)
        except WireError:
            if self.wire.broken:
                raise
            answered = []
        self.capabilities = frozenset(line.decode("ascii", "replace").strip().upper() for line in answered)

    def _sent(self, commands: list[bytes]) -> Iterator[bytes]:
        """Gives each command when its answer is to be read: all sent at once with PIPELINING (RFC 2449 §6.6)."""
        if self.offers("PIPELINING") and len(commands) > 1:
            self.wire.send(b"\r\n".join(commands) + b"\r\n")
            for command in commands:
                self._tell(command, "")
                yield command
            return
        for command in commands:
            self._send(command, "")
            yield command

    def _send(self, line: bytes, shown: str) -> None:
        self.wire.send(line + b"\r\n")
        self._tell(line, shown)

    def _tell(self, line: bytes, shown: str) -> None:
        if self._transcript is None:
            return
        if shown:
            self._transcript.sent_secret(shown)
        else:
            self._transcript.sent(line)

    def _status(self, otherwise: str = "The server's answer is no POP3 at this point.") -> bytes:
        line = self.wire.readline()
        if self._transcript is not None:
            self._transcript.received(line)
        if line.startswith(b"+OK"):
            return line[3:].strip()
        if not line.startswith(b"-ERR"):
            self.wire.violation(otherwise, reply=words(line))
        reply = sasl.scrubbed(words(line[4:]), self._secrets)
        raise refusal(reply, host=self.wire.place, phase=self.wire.phase)

    def _body(self, longest: int) -> bytes:
        """The rest of an answer: its lines as they were before they were sent."""
        body = self.wire.read_block(longest)
        if self._transcript is not None:
            self._transcript.received_bytes(len(body))
        return body

    def _mechanisms(self) -> set[str]:
        return {word for line in self.capabilities if line.startswith("SASL ") for word in line.split()[1:]}

    def _offered(self) -> set[str]:
        """Every way with a password; USER is not announced where CAPA is not known, and known all the same."""
        mechanisms = self._mechanisms()
        if self.offers("USER") or not (mechanisms or (self.offers("STLS") and self.wire.tls is None)):
            mechanisms.add(self.own_command)
        return mechanisms

    def _refuse_offers(self, offered: Collection[str]) -> Never:
        if self.offers("STLS") and self.wire.tls is None:
            raise NotOffered(
                "The server takes no password in clear; use TLS or STLS.", host=self.wire.place, phase="login"
            )
        super()._refuse_offers(offered)

    def _say_own_command(self, login: Login) -> None:
        """USER and PASS (RFC 1939 §7)."""
        user = sasl.refuse_breaks("user name", login.username)
        password = sasl.refuse_breaks("password", login.password.reveal())
        seconds = self.timeouts.login
        self.command(b"USER " + user.encode(), phase="login", seconds=seconds)
        self.command(b"PASS " + password.encode(), phase="login", seconds=seconds, shown="PASS")

    def _begin_by(self, name: str, first: bytes | None) -> bytes | None:
        """AUTH (RFC 5034), the first message in a line of its own: as part of the command it may be too long."""
        self.begin("login", self.timeouts.login, self.caps.command)
        self._send(f"AUTH {name}".encode(), "")
        return self._challenge()

    def _challenge(self) -> bytes | None:
        if not (self.wire.starts_with(b"+ ") or self.wire.starts_with(b"+\r\n")):
            self._status()
            return None
        line = self.wire.readline()
        if self._transcript is not None:
            self._transcript.received(line)
        return sasl.decoded(line[1:])
