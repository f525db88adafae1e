"""`sendmail -bs`: SMTP on stdin and stdout (RFC 5321), as programs speak it that run sendmail as their server.

Each message goes into the drop folder as with `postroom send`; 250 is said when it lies there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO

from core.environment import Environment
from core.errors import BadInput, StoreError
from core.handin import hand_in
from core.local_names import LocalNames
from core.mail.canonical import canonical_crlf
from core.mail.envelope import LARGEST, OutgoingEnvelope, check_header
from core.mail.strict_address import strict_address

_LONGEST_COMMAND = 2048
_MOST_RECIPIENTS = 10_000
_PATH = re.compile(r"\s*(?:<(?P<path>[^<>]*)>|(?P<bare>[^\s<>]+))(?P<rest>(?:\s.*)?)")
_KNOWN = {"SIZE", "BODY", "SMTPUTF8", "AUTH"}
"""Parameters of MAIL that are taken; none changes what is done."""


@dataclass
class _Begun:
    """What has been said of a message so far."""

    sender: str | None = None
    recipients: list[str] = field(default_factory=list)


class SmtpOnStdin:
    """One dialogue, from the greeting to QUIT or the end of stdin."""

    def __init__(self, environment: Environment, names: LocalNames, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self._environment = environment
        self._names = names
        self._stdin = stdin
        self._stdout = stdout
        self._begun = _Begun()
        self._host = os.uname().nodename or "localhost"
        self._verbs: dict[str, Callable[[str], str]] = {
            "HELO": lambda _: f"250 {self._host}",
            "EHLO": self._ehlo,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "RSET": lambda _: self._reset("250 2.0.0 Ok"),
            "NOOP": lambda _: "250 2.0.0 Ok",
            "VRFY": lambda _: "252 2.0.0 Send it and see",
        }

    def run(self) -> None:
        """Answer until the client has nothing more to say."""
        self._say(f"220 {self._host} ESMTP Postroom")
        while line := self._stdin.readline(_LONGEST_COMMAND + 2):
            verb, _, argument = line.decode("utf-8", "replace").strip().partition(" ")
            verb = verb.upper()
            if not line.endswith(b"\n"):
                self._say("500 5.5.2 Command line too long")
                return
            if verb == "QUIT":
                self._say("221 2.0.0 Bye")
                return
            self._say(self._data(line) if verb == "DATA" else self._answer(verb, argument))

    def _answer(self, verb: str, argument: str) -> str:
        known = self._verbs.get(verb)
        return known(argument) if known else "502 5.5.1 That is no command here"

    def _ehlo(self, _argument: str) -> str:
        lines = (self._host, "PIPELINING", f"SIZE {LARGEST}", "8BITMIME", "SMTPUTF8")
        return self._reset("\r\n".join([*(f"250-{line}" for line in lines), "250 ENHANCEDSTATUSCODES"]))

    def _mail(self, argument: str) -> str:
        path, parameters = _path(argument, "FROM:")
        if path is None:
            return "501 5.5.4 Syntax: MAIL FROM:<address>"
        names = [each.partition("=")[0].upper() for each in parameters.split()]
        if unknown := [name for name in names if name not in _KNOWN]:
            return f"555 5.5.4 Parameter not known: {_plain(unknown[0])}"
        size = re.search(r"\bSIZE=(\d{1,18})\b", parameters.upper())
        if size and int(size[1]) > LARGEST:
            return "552 5.3.4 The message is too large"
        self._begun = _Begun()
        address = self._names.address_of(path)
        if address and (complaint := _complaint(address)):
            return f"553 5.1.7 {complaint}"
        self._begun.sender = address
        return "250 2.1.0 Ok"

    def _rcpt(self, argument: str) -> str:
        if self._begun.sender is None:
            return "503 5.5.1 MAIL comes first"
        path, parameters = _path(argument, "TO:")
        if not path:
            return "501 5.5.4 Syntax: RCPT TO:<address>"
        if parameters:
            return "555 5.5.4 Parameters of RCPT are not known here"
        found = self._names.recipients_of(path)
        for address in found:
            if complaint := _complaint(address):
                return f"553 5.1.3 {complaint}"
        if len(self._begun.recipients) + len(found) > _MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients: send the rest as another message"
        self._begun.recipients += found
        return "250 2.1.5 Ok"

    def _data(self, command: bytes) -> str:
        if not self._begun.recipients:
            return "503 5.5.1 RCPT comes first"
        self._say("354 End data with <CR><LF>.<CR><LF>")
        # Who ends commands with LF alone ends the message so; with anybody else a dot between bare LF is content.
        content = self._read_message(b"\r\n" if command.endswith(b"\r\n") else b"\n")
        begun, self._begun = self._begun, _Begun()
        if content is None:
            return "552 5.3.4 The message is too large"
        try:
            check_header(content)
            envelope = OutgoingEnvelope(tuple(begun.recipients), begun.sender)
            message_id = hand_in(self._environment, envelope, canonical_crlf(content))
        except BadInput as error:
            return f"550 5.6.0 {_plain(str(error))}"
        except StoreError as error:
            return f"452 4.3.1 {_plain(str(error))}"
        return f"250 2.0.0 Queued as {message_id}"

    def _read_message(self, end: bytes) -> bytes | None:
        """All up to the line of one dot; `None` if it is larger than any relay takes.

        Raises:
            BadInput: stdin ended in the middle.
        """
        kept: list[bytes] = []
        size, begins_line = 0, True
        while line := self._stdin.readline():
            if begins_line and line == b"." + end:
                return b"".join(kept) if size <= LARGEST else None
            if begins_line and line.startswith(b"."):
                line = line[1:]
            begins_line = line.endswith(end)
            size += len(line)
            if size <= LARGEST:
                kept.append(line)
            else:
                kept.clear()
        raise BadInput("The message was not taken: stdin ended before its last dot.")

    def _reset(self, reply: str) -> str:
        self._begun = _Begun()
        return reply

    def _say(self, reply: str) -> None:
        self._stdout.write(reply.encode("ascii", "replace") + b"\r\n")
        self._stdout.flush()


def _path(argument: str, keyword: str) -> tuple[str | None, str]:
    """The address of MAIL or RCPT, and what stands behind it; `None` if there is no such thing."""
    if argument[: len(keyword)].upper() != keyword:
        return None, ""
    found = _PATH.fullmatch(argument[len(keyword) :])
    if found is None:
        return None, ""
    return (found["path"] if found["bare"] is None else found["bare"]), found["rest"].strip()


def _complaint(address: str) -> str:
    try:
        strict_address(address, allow_utf8=True)
    except ValueError as error:
        return _plain(str(error))
    return ""


def _plain(text: str) -> str:
    return " ".join(text.split()).encode("ascii", "replace").decode()[:400]
