"""IMAP as commands and their answers (RFC 3501): tags, literals, refusals; several may be on their way."""

from __future__ import annotations

import re
from collections import deque
from typing import Never

from core.errors import WireError
from core.protocols import sasl
from core.protocols.imap.answer import LINE, Answer, Asked, Limits, Response
from core.protocols.refusals import farewell, refusal, words
from core.protocols.server import Caps, Timeouts
from core.protocols.signing_in import SigningIn
from core.protocols.transcript import Transcript
from core.protocols.wire import Wire

CAPABILITY_CODE = re.compile(rb"\[CAPABILITY ([^\]]*)\]")

_LITERAL = re.compile(rb"\{(\d{1,20})\}\r?\n$")
_MOST_RESPONSES = 100_000
"""To one command: a flood of small lines takes many times its bytes in memory."""


class ImapCommands(SigningIn):
    """Says commands and takes their answers; knows what the server offers."""

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

    def command(
        self, verb: bytes, *arguments: bytes, phase: str, seconds: float | None = None, shown: str = ""
    ) -> Answer:
        """Send a command and take its answer; NO, BAD and BYE are raised. `shown` hides the rest from transcripts."""
        self.settle()
        asked = self.ask(verb, *arguments, phase=phase, limits=self._usual(seconds), shown=shown)
        self._hear(asked)
        return asked.given()

    def ask(self, verb: bytes, *arguments: bytes, phase: str, limits: Limits | None = None, shown: str = "") -> Asked:
        """Send a command whose answer is taken later, also while others are answered (RFC 3501 §5.5).

        Only for commands that do not depend on each other: everything else waits for what is outstanding.
        """
        limits = limits or self._usual()
        self.begin(phase, limits.seconds, limits.budget)
        asked = Asked(self._send(b" ".join((verb, *arguments)), shown), phase, limits)
        self._outstanding.append(asked)
        return asked

    def take(self, asked: Asked) -> Answer:
        """Its answer, and before it those of what was asked earlier; NO, BAD and BYE are raised."""
        while not asked.is_complete:
            self._hear_first()
        return asked.given()

    def settle(self) -> None:
        """Take in all that is outstanding; whoever asked takes it later, with what the server said against it."""
        while self._outstanding:
            self._hear_first()

    def _usual(self, seconds: float | None = None) -> Limits:
        return Limits(seconds or self.timeouts.command, self.caps.command)

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
        self.begin(first.phase, first.limits.seconds, sum(one.limits.budget for one in self._outstanding))
        self._hear(first)

    def _hear(self, first: Asked) -> None:
        """Take in what the server says until it has answered the first of what is outstanding."""
        limits = [one.limits for one in self._outstanding]
        most, longest = max(one.literal for one in limits), max(one.line for one in limits)
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

    def _heed(self, line: bytes) -> None:
        match line[:4].upper():
            case b"BYE ":
                self._gone(line[4:])
            case b"CAPA" if line[:11].upper() == b"CAPABILITY ":
                self._set_capabilities(line[11:])

    def _line(self, longest: int = LINE) -> bytes:
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
        if found := CAPABILITY_CODE.match(text):
            self._set_capabilities(found.group(1))

    def _set_capabilities(self, text: bytes) -> None:
        self.capabilities = frozenset(text.decode("ascii", "replace").upper().split())
