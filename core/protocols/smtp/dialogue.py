"""SMTP as commands and replies (RFC 5321): greeting, EHLO, STARTTLS, AUTH. Submitting is `exchange`'s business."""

from __future__ import annotations

import re

from core.errors import LoginRefused, NotOffered, SmtpRefused
from core.protocols import sasl
from core.protocols.refusals import words
from core.protocols.server import Login, Timeouts
from core.protocols.signing_in import SigningIn
from core.protocols.smtp.reply import Reply, parse_reply
from core.protocols.steps import Steps, waited
from core.protocols.transcript import Transcript
from core.protocols.wire import Wire

_REPLY_BUDGET = 256 * 1024
_MOST_LINES = 200
_LONGEST_LINE = 8 * 1024
_MOST_RECIPIENTS = re.compile(r"(?:^|\s)RCPTMAX=([1-9]\d{0,5})(?:\s|$)")
_LOGIN_REFUSED = frozenset({501, 504, 530, 534, 535, 538, 550, 553, 554})


class SmtpDialogue(SigningIn):
    """Speaks SMTP over a wire; knows what the server offers."""

    def __init__(self, wire: Wire, timeouts: Timeouts, ehlo_name: str, transcript: Transcript | None) -> None:
        super().__init__(wire, timeouts, transcript)
        self.features: dict[str, str] = {}
        """What EHLO lists: the keyword in upper case, and what stands behind it."""
        self._ehlo_name = sasl.refuse_breaks("EHLO name", ehlo_name)
        self._lines: list[bytes] = []
        """The last reply, or what has come of the next one."""
        self._is_whole = True
        """Whether its last line has come."""

    def offers(self, feature: str) -> bool:
        """Whether the server listed this feature."""
        return feature in self.features

    @property
    def size_limit(self) -> int:
        """The largest message it takes, in bytes (RFC 1870); 0: it does not say."""
        value = self.features.get("SIZE", "").strip()
        return int(value) if value.isdigit() and len(value) < 19 else 0

    @property
    def recipients_limit(self) -> int:
        """The most recipients it takes in one transaction (RFC 9422); 0: it does not say."""
        found = _MOST_RECIPIENTS.search(self.features.get("LIMITS", ""))
        return int(found[1]) if found else 0

    def greet(self) -> str:
        """Take the greeting.

        Raises:
            SmtpRefused: it is a refusal.
        """
        self.begin("greeting", self.timeouts.login)
        reply = self.reply()
        if not reply.is_positive:
            raise self.refused(reply, "The server greets with a refusal")
        self.greeting = reply.text
        return self.greeting

    def ehlo(self) -> str:
        """EHLO, or HELO where that is all the server knows.

        Raises:
            SmtpRefused: it knows neither, or does not want our name.
        """
        name = self._ehlo_name.encode()
        reply = self.command(b"EHLO " + name, "ehlo")
        lines = self._lines
        if reply.code in (500, 502, 504):
            reply, lines = self.command(b"HELO " + name, "ehlo"), []
        if not reply.is_positive:
            raise self.refused(reply, f"The server refused our EHLO name {self._ehlo_name!r}")
        listed = (line[4:].decode("ascii", "replace").strip().partition(" ") for line in lines[1:])
        self.features = {keyword.upper(): rest.upper() for keyword, _, rest in listed if keyword}
        return ", ".join(self.features)

    def ask_for_tls(self) -> None:
        """STARTTLS (RFC 3207), which must be offered.

        Raises:
            TlsMissing: it is not; nothing else was sent.
            SmtpRefused: it is offered and refused.
        """
        self.ehlo()
        if not self.offers("STARTTLS"):
            self._refuse_clear("STARTTLS", 465)
        reply = self.command(b"STARTTLS", "tls")
        if reply.code != 220:
            raise self.refused(reply, "The server refused STARTTLS")
        # What was announced in clear could have been announced by anyone (RFC 3207 §4.2).
        self.features = {}

    def log_in(self, login: Login) -> None:
        """AUTH (RFC 4954) by what both sides know, in the order of `sasl.choice`.

        Raises:
            NotOffered: there is none.
            LoginRefused: the relay refuses the login.
        """
        self._secrets = login.secrets()
        offered = set(self.features.get("AUTH", "").replace("=", " ").split())
        if not offered:
            raise NotOffered(
                "The server offers no login here. Use TLS or STARTTLS, or the submission port (587); if it takes mail "
                "without one, switch Login off in the template (smtp_auth = false).",
                host=self.wire.place,
                phase="login",
            )
        if login.token is not None:
            self._sign_in_with_token(login, offered)
        else:
            self._sign_in(login, offered)

    def begin(self, phase: str, seconds: float | None = None, budget: int = _REPLY_BUDGET) -> None:
        """From here on one operation."""
        super().begin(phase, seconds or self.timeouts.command, budget)

    def send(self, line: bytes) -> None:
        """Send a command, or several at once."""
        self.wire.send(line + b"\r\n")
        self._note_sent(line)

    def sending(self, line: bytes) -> Steps[None]:
        """The same, in steps."""
        yield from self.wire.sending(line + b"\r\n")
        self._note_sent(line)

    def sending_message(self, data: bytes, envelope: bytes = b"") -> Steps[None]:
        """Send a message with its final dot; behind it the next one's envelope, if there is one to be sent ahead."""
        yield from self.wire.sending(data + envelope if envelope else data)
        if self._transcript is not None:
            self._transcript.sent_bytes(len(data))
            for each in envelope.splitlines():
                self._transcript.sent(each)

    def reply(self) -> Reply:
        """The next reply."""
        return waited(self.replying())

    def replying(self) -> Steps[Reply]:
        """The same, in steps."""
        while (reply := self._reply_at_hand()) is None:
            yield from self.wire.receiving()
        return reply

    def hearing(self, said: list[Reply], count: int) -> Steps[None]:
        """Put so many replies, with what is there, into `said`, in steps; each as soon as it has come."""
        while len(said) < count:
            if (reply := self._reply_at_hand()) is not None:
                said.append(reply)
            else:
                yield from self.wire.receiving()

    def command(self, line: bytes, phase: str) -> Reply:
        """Send a command and take its reply."""
        self.begin(phase, self.timeouts.login)
        self.send(line)
        return self.reply()

    def refused(self, reply: Reply, what: str) -> SmtpRefused:
        """The error for a reply that ends the opening."""
        text = sasl.scrubbed(reply.text, self._secrets)
        return SmtpRefused(
            f"{what}: {reply.code} {reply.enhanced} {text}".rstrip(),
            code=reply.code,
            enhanced=reply.enhanced,
            text=text,
            host=self.wire.place,
            phase=self.wire.phase,
        )

    def _note_sent(self, line: bytes) -> None:
        if self._transcript is not None:
            for each in line.split(b"\r\n"):
                self._transcript.sent(each)

    def _reply_at_hand(self) -> Reply | None:
        """The next reply, if its last line has come."""
        while (line := self.wire.line_at_hand(_LONGEST_LINE)) is not None:
            is_all = self._is_whole and self._transcript is None and line[3:4] != b"-"
            if is_all and (reply := parse_reply((line,))) is not None:
                self._lines = [line]
                return reply  # as most are
            if self._transcript is not None:
                self._transcript.received(line)
            if self._is_whole:
                self._lines = []
            self._lines.append(line)
            if line[3:4] == b"-" and line[:3].isdigit() and len(self._lines) < _MOST_LINES:
                self._is_whole = False
                continue
            self._is_whole = True
            reply = parse_reply(tuple(self._lines))
            if reply is None or line[3:4] == b"-":
                self.wire.violation("The server's answer is no SMTP reply.", reply=words(self._lines[0]))
            return reply
        return None

    @property
    def _takes_first_message(self) -> bool:
        return True

    def _begin_by(self, name: str, first: bytes | None) -> bytes | None:
        """AUTH (RFC 4954 §4)."""
        self.begin("login", self.timeouts.login)
        command = f"AUTH {name}".encode()
        self.wire.send((command if first is None else command + b" " + sasl.encoded(first)) + b"\r\n")
        if self._transcript is not None:
            self._transcript.sent_secret(command.decode())
        return self._challenge()

    def _challenge(self) -> bytes | None:
        reply = self.reply()
        if reply.code == 235:
            return None
        if reply.code == 334:
            return sasl.decoded(self._lines[-1][4:])
        text = sasl.scrubbed(str(reply), self._secrets)
        if reply.code in _LOGIN_REFUSED:
            raise LoginRefused(f"The server refused the login: {text}", host=self.wire.place, phase="login", reply=text)
        if reply.is_positive:
            self.wire.violation("The server's answer to the login makes no sense.", reply=text)
        raise self.refused(reply, "The server cannot check the login now")
