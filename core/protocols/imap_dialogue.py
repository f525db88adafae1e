"""IMAP as commands and responses (RFC 3501): tags, literals, refusals. What the responses mean is `imap`'s business."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import Never

from core.errors import NotOffered, WireError
from core.protocols import sasl
from core.protocols.dialogue import Dialogue
from core.protocols.imap_text import quoted
from core.protocols.refusals import farewell, refusal, words
from core.protocols.server import Caps, Login, Timeouts
from core.protocols.transcript import Transcript
from core.protocols.wire import Wire

Part = bytes | tuple[bytes, bytes]
"""Text, or text that ends in `{n}` with its literal: what imapclient's parser takes."""
Response = list[Part]

_LITERAL = re.compile(rb"\{(\d{1,20})\}\r?\n$")
_LARGEST_UID = 2**32 - 1
_LONGEST_SEARCH = 48 * 1024 * 1024
"""Four million UIDs in one line, as servers send them."""
_MOST_RESPONSES = 100_000
"""To one command: a flood of small lines takes many times its bytes in memory."""
_CAPABILITY_CODE = re.compile(rb"\[CAPABILITY ([^\]]*)\]")


@dataclass
class Answer:
    """What came between a command and its OK."""

    untagged: list[Response] = field(default_factory=list)
    """Untagged responses without the `* `."""
    text: bytes = b""
    """What stood behind the OK."""

    def lines(self, suffix: bytes = b"", prefix: bytes = b"") -> list[bytes]:
        """The responses without literals that begin or end like this, upper and lower case alike."""
        plain = [parts[0] for parts in self.untagged if isinstance(parts[0], bytes)]
        return [line for line in plain if _begins(line, prefix) and _ends(line, suffix)]


@dataclass
class Asked:
    """A command that was sent, and what has come of its answer."""

    tag: bytes
    phase: str
    seconds: float
    """How long its answer may take, from when it is waited for."""
    budget: int
    """How many bytes it may have."""
    literal: int
    """How many of them a literal may have, and a line."""
    line: int
    answer: Answer = field(default_factory=Answer)
    is_complete: bool = False
    refused: WireError | None = None


class ImapDialogue(Dialogue):
    """Speaks IMAP over a wire; knows what the server offers."""

    def __init__(self, wire: Wire, timeouts: Timeouts, caps: Caps, transcript: Transcript | None) -> None:
        super().__init__(wire, timeouts, transcript)
        self.caps = caps
        self.capabilities: frozenset[str] = frozenset()
        """In upper case; forgotten when TLS begins, since anyone could have announced them before."""
        self._count = 0
        self._outstanding: deque[Asked] = deque()

    def offers(self, capability: str) -> bool:
        """Whether the server announced this capability."""
        return capability in self.capabilities

    def greet(self) -> str:
        """Take the greeting (RFC 3501 §7.1)."""
        self.wire.begin("greeting", self.timeouts.login, self.caps.command)
        line = self._line()
        kind, _, text = line.partition(b" ")[2].partition(b" ")
        self.greeting = words(_CAPABILITY_CODE.sub(b"", text))
        match kind.upper() if line.startswith(b"* ") else b"":
            case b"OK":
                self._note_capabilities(text)
            case b"BYE":
                self._gone(text)
            case b"PREAUTH":
                # Taken as it stands, it would let whoever sits between skip STARTTLS and the login (CVE-2021-39272).
                self.wire.violation("The server claims that we are logged in already; that is not believed.")
            case _:
                self.wire.violation("What answers on this port is no IMAP server.", reply=words(line))
        return self.greeting

    def ask_for_tls(self) -> None:
        """STARTTLS (RFC 3501 §6.2.1), which must be offered."""
        if not self.capabilities:
            self.refresh_capabilities()
        if not self.offers("STARTTLS"):
            self._refuse_clear("STARTTLS", 993)
        self.command(b"STARTTLS", phase="tls", seconds=self.timeouts.login)
        self.capabilities = frozenset()

    def log_in(self, login: Login) -> None:
        """Sign in by the strongest way that both sides know."""
        self._secrets = login.secrets()
        if not self.capabilities:
            self.refresh_capabilities()
        announced = self.capabilities
        if login.token is not None:
            self._log_in_with_token(login.username, login.token())
        elif self.offers("AUTH=PLAIN"):
            self._authenticate(b"PLAIN", sasl.plain(login.username, login.password.reveal()))
        elif self.offers("LOGINDISABLED"):
            raise NotOffered(
                "The server takes no password in clear; use TLS or STARTTLS.", host=self.wire.place, phase="login"
            )
        else:
            user, password = quoted("user name", login.username), quoted("password", login.password.reveal())
            self.command(b"LOGIN", user, password, phase="login", seconds=self.timeouts.login, shown="LOGIN")
        if self.capabilities is announced:
            # Servers offer more to those who are logged in; some say so in their OK and spare us the question.
            self.refresh_capabilities()

    def command(
        self,
        verb: bytes,
        *arguments: bytes,
        phase: str,
        seconds: float | None = None,
        budget: int | None = None,
        literal: int = 64 * 1024,
        line: int = 64 * 1024,
        shown: str = "",
    ) -> Answer:
        """Send a command and take its answer; NO, BAD and BYE are raised. `shown` hides the rest from transcripts."""
        self.settle()
        asked = self.ask(
            verb, *arguments, phase=phase, seconds=seconds, budget=budget, literal=literal, line=line, shown=shown
        )
        self._hear(asked)
        return _given(asked)

    def ask(
        self,
        verb: bytes,
        *arguments: bytes,
        phase: str,
        seconds: float | None = None,
        budget: int | None = None,
        literal: int = 64 * 1024,
        line: int = 64 * 1024,
        shown: str = "",
    ) -> Asked:
        """Send a command whose answer is taken later, also while others are answered (RFC 3501 §5.5).

        Only for commands that do not depend on each other: everything else waits for what is outstanding.
        """
        self._start(phase, seconds, budget)
        tag = self._send(b" ".join((verb, *arguments)), shown)
        asked = Asked(
            tag, phase, seconds or self.timeouts.command, budget or self.caps.command, literal=literal, line=line
        )
        self._outstanding.append(asked)
        return asked

    def take(self, asked: Asked) -> Answer:
        """Its answer, and before it those of what was asked earlier; NO, BAD and BYE are raised."""
        while not asked.is_complete:
            self._hear_first()
        return _given(asked)

    def settle(self) -> None:
        """Take in all that is outstanding; whoever asked takes it later, with what the server said against it."""
        while self._outstanding:
            self._hear_first()

    def search(self, criterion: bytes, *, expected: int = 0) -> list[int]:
        """UID SEARCH, with time for `expected` bytes; only with words of our own, never with text from outside."""
        self.settle()
        return self.found(self.ask_search(criterion, expected=expected))

    def ask_search(self, criterion: bytes, *, expected: int = 0) -> Asked:
        """UID SEARCH whose answer is taken later, with `found`."""
        return self.ask(
            b"UID SEARCH",
            criterion,
            phase="search",
            seconds=self.timeouts.transfer(expected),
            budget=_LONGEST_SEARCH,
            line=_LONGEST_SEARCH,
        )

    def found(self, asked: Asked) -> list[int]:
        """The UIDs that a search found."""
        found: list[int] = []
        for line in self.take(asked).lines(prefix=b"SEARCH"):
            numbers = line[6:].partition(b"(")[0].split()
            try:
                found.extend(map(int, numbers))
            except ValueError:
                self.wire.violation("The server found what is no number.", reply=words(line[:100]))
        if found and not (min(found) > 0 and max(found) <= _LARGEST_UID):
            self.wire.violation("The server found numbers that no message can have.")
        return found

    def refresh_capabilities(self) -> None:
        """Ask what the server offers."""
        answer = self.command(b"CAPABILITY", phase="capability", seconds=self.timeouts.login)
        if not answer.lines(prefix=b"CAPABILITY "):
            self.wire.violation("The server does not say what it offers.")

    def log_out(self) -> None:
        """LOGOUT (RFC 3501 §6.1.3): the BYE is what is wanted here."""
        self._begin("logout", min(5.0, self.timeouts.command), None)
        tag = self._send(b"LOGOUT", "")
        while not self._line().startswith(tag + b" "):
            pass

    def _begin(self, phase: str, seconds: float | None, budget: int | None) -> None:
        self.settle()
        self._start(phase, seconds, budget)

    def _start(self, phase: str, seconds: float | None, budget: int | None) -> None:
        self.begin(phase, seconds or self.timeouts.command, budget or self.caps.command)

    def _send(self, command: bytes, shown: str) -> bytes:
        self._count += 1
        tag = b"P%d" % self._count
        self.wire.send(tag + b" " + command + b"\r\n")
        if self._transcript is not None:
            if shown:
                self._transcript.sent_secret(f"{tag.decode()} {shown}")
            else:
                self._transcript.sent(tag + b" " + command)
        return tag

    def _hear_first(self) -> None:
        first = self._outstanding[0]
        # What is read at once may reach into the answers behind it.
        self._start(first.phase, first.seconds, sum(one.budget for one in self._outstanding))
        self._hear(first)

    def _hear(self, first: Asked) -> None:
        """Take in what the server says until it has answered the first of what is outstanding."""
        most, longest = max(one.literal for one in self._outstanding), max(one.line for one in self._outstanding)
        untagged = first.answer.untagged
        while not first.is_complete:
            line = self._line(longest)
            if line.startswith(b"* "):
                response = self._response(line, most)
                if isinstance(response[0], bytes):
                    self._heed(response[0])
                untagged.append(response)
                if len(untagged) > _MOST_RESPONSES:
                    self.wire.violation("The server answers without end.")
            else:
                self._complete(line)

    def _complete(self, line: bytes) -> None:
        """One of the outstanding commands has been answered; a server may finish a later one first."""
        tag, _, rest = line.partition(b" ")
        asked = next((one for one in self._outstanding if one.tag == tag), None)
        if asked is None:
            self.wire.violation("The server's answer is no IMAP at this point.", reply=words(line))
        try:
            asked.answer.text = self._completed(rest)
        except WireError as error:
            if self.wire.broken:
                raise
            asked.refused = error
        asked.is_complete = True
        self._outstanding.remove(asked)

    def _response(self, line: bytes, most: int) -> Response:
        parts: Response = []
        rest = line[2:]
        while rest.endswith((b"}\r\n", b"}\n")) and (found := _LITERAL.search(rest)):
            size = int(found.group(1))
            if size > most:
                self.wire.violation(f"The server announces {size} bytes where at most {most} can be.")
            parts.append((rest.rstrip(b"\r\n"), self.wire.read(size)))
            if self._transcript is not None:
                self._transcript.received_bytes(size)
            rest = self._line()
        parts.append(rest.rstrip(b"\r\n"))
        return parts

    def _completed(self, line: bytes) -> bytes:
        status, _, text = line.rstrip(b"\r\n").partition(b" ")
        if status.upper() in (b"NO", b"BAD"):
            raise refusal(self._shown(text), host=self.wire.place, phase=self.wire.phase)
        if status.upper() != b"OK":
            self.wire.violation("The server ended a command neither with OK nor NO nor BAD.", reply=words(line))
        self._note_capabilities(text)
        return text

    def _log_in_with_token(self, username: str, token: str) -> None:
        offered = {name.removeprefix("AUTH=") for name in self.capabilities if name.startswith("AUTH=")}
        mechanism, message = self._by_token(username, token, offered)
        self._authenticate(mechanism.encode(), message, sasl.dismissal(mechanism))

    def _authenticate(self, mechanism: bytes, message: bytes, dismissal: bytes = b"") -> None:
        """AUTHENTICATE (RFC 3501 §6.2.2), with the message at once where the server lets us (RFC 4959)."""
        self._begin("login", self.timeouts.login, None)
        command = b"AUTHENTICATE " + mechanism
        shown = command.decode()
        if self.offers("SASL-IR"):
            tag = self._send(command + b" " + sasl.encoded(message), shown)
        else:
            tag = self._send(command, "")
            self._await_continuation(tag)
            self._send_secret(sasl.encoded(message))
        line = self._line()
        while not line.startswith(tag + b" "):
            if line.startswith(b"+"):
                # A refused token is told in a challenge; the refusal itself follows our answer (RFC 7628 §3.2.3).
                self._send_secret(dismissal)
            else:
                self._unexpected(line)
            line = self._line()
        self._completed(line[len(tag) + 1 :])

    def _await_continuation(self, tag: bytes) -> None:
        while not (line := self._line()).startswith(b"+"):
            if line.startswith(tag + b" "):
                self._completed(line[len(tag) + 1 :])
                self.wire.violation("The server did not ask for the login's data.", reply=words(line))
            self._unexpected(line)

    def _unexpected(self, line: bytes) -> None:
        if not line.startswith(b"* "):
            self.wire.violation("The server's answer is no IMAP at this point.", reply=words(line))
        self._heed(line[2:])

    def _heed(self, line: bytes) -> None:
        match line[:4].upper():
            case b"BYE ":
                self._gone(line[4:])
            case b"CAPA" if line[:11].upper() == b"CAPABILITY ":
                self._set_capabilities(line[11:])

    def _send_secret(self, data: bytes) -> None:
        self.wire.send(data + b"\r\n")
        if self._transcript is not None:
            self._transcript.sent_secret("")

    def _line(self, longest: int = 64 * 1024) -> bytes:
        line = self.wire.readline(longest)
        if self._transcript is not None:
            self._transcript.received(line)
        return line

    def _shown(self, text: bytes) -> str:
        return sasl.scrubbed(words(text), self._secrets)

    def _gone(self, text: bytes) -> Never:
        self.wire.close()
        raise farewell(self._shown(text), host=self.wire.place, phase=self.wire.phase)

    def _note_capabilities(self, text: bytes) -> None:
        if found := _CAPABILITY_CODE.match(text):
            self._set_capabilities(found.group(1))

    def _set_capabilities(self, text: bytes) -> None:
        self.capabilities = frozenset(text.decode("ascii", "replace").upper().split())


def _given(asked: Asked) -> Answer:
    if asked.refused is not None:
        raise asked.refused
    return asked.answer


def _begins(line: bytes, prefix: bytes) -> bool:
    return line[: len(prefix)].upper() == prefix


def _ends(line: bytes, suffix: bytes) -> bool:
    return not suffix or line[-len(suffix) :].upper() == suffix
