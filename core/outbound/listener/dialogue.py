"""aiosmtpd's session, made strict where it is lenient: addresses, line ends, logins, time."""

from __future__ import annotations

import asyncio
import logging
import re
from base64 import b64decode
from binascii import Error as NoBase64
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from aiosmtpd.smtp import MISSING, SMTP

IDLE = 300.0
"""Seconds a client may let pass between two commands (RFC 5321 §4.5.3.2.7)."""

TRANSFER = 600.0
"""Seconds for all of a message, however busy the client looks."""

MOST_IN_HAND = 512 << 20
"""Bytes of the messages that all connections are bringing at a time."""

_LONGEST_LINE = 64 * 1024
_LONGEST_COMMAND = 2048
_PATH = re.compile(r"\s*(?:<(?P<path>[^<>]*)>|(?P<bare>[^\s<>]+))(?P<rest>(?:\s.*)?)", re.DOTALL)

# The library tells every command, and warns of its own attributes: neither is for our log.
logging.getLogger("mail.log").setLevel(logging.CRITICAL)

_log = logging.getLogger("postroom.listener")


class Room:
    """The memory that all connections share for what they bring; used by one event loop."""

    def __init__(self) -> None:
        self.taken = 0
        """Bytes in hand."""

    def has(self, size: int) -> bool:
        """Whether so many bytes more fit; then they are taken."""
        if self.taken + size > MOST_IN_HAND:
            return False
        self.taken += size
        return True


class StrictSession(SMTP):
    """One connection; who takes what it brings is for the class below."""

    line_length_limit = _LONGEST_LINE
    """Of the reader. A message's lines may be longer: programs write paragraphs as one line."""

    def __init__(self, *, host: str, ident: str, max_size: int, room: Room, gone: Callable[[Any], None]) -> None:
        self.command_size_limits: Any = defaultdict(lambda: _LONGEST_COMMAND)
        self.command_size_limit = _LONGEST_COMMAND
        self.max_size = max_size
        self._room = room
        self._holds = 0
        self._gone = gone
        super().__init__(
            self,
            data_size_limit=max_size,
            enable_SMTPUTF8=True,
            hostname=host,
            ident=ident,
            timeout=IDLE,
            auth_require_tls=False,
            loop=asyncio.get_running_loop(),
        )
        for word in ("GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "DELETE"):
            # A browser that was talked into speaking to us (Postfix: smtpd_forbidden_commands).
            self._smtp_methods[word] = self._hang_up

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(error)
        self.let_go()
        self._gone(self)

    def eof_received(self) -> bool | None:
        """A client that says all it has and closes its half still gets its replies."""
        return asyncio.StreamReaderProtocol.eof_received(self)

    async def handle_exception(self, error: Exception) -> str:
        """A client that went away in the middle is no fault; what is ours may pass."""
        if isinstance(error, asyncio.IncompleteReadError):
            assert self.transport is not None
            self.transport.close()
            return "421 4.4.2 The connection ended in the middle"
        _log.error("a fault of ours at the listener", exc_info=error)
        return "451 4.3.0 Something went wrong inside Postroom"

    def let_go(self) -> None:
        """Give back the room that the last message took."""
        self._room.taken -= self._holds
        self._holds = 0

    async def read_message(self) -> bytes | str:
        """All up to the line of one dot, or why it is not taken, as a reply; `let_go` when it is done with.

        Only CRLF ends a line here, so only CRLF.CRLF ends the message: a dot between bare LF is content, whatever
        the server before us took it for (SMTP smuggling, CVE-2023-51764).
        """
        content = bytearray()  # not pieces: of many short lines each would take twenty times its length
        size, begins_line, refusal = 0, True, ""
        while True:
            try:
                piece = await self._reader.readuntil(b"\r\n")
            except asyncio.LimitOverrunError as error:
                piece = await self._reader.read(error.consumed)
            if begins_line and piece == b".\r\n":
                return refusal or bytes(content)
            if begins_line and piece.startswith(b"."):
                piece = piece[1:]
            begins_line = piece.endswith(b"\r\n")
            size += len(piece)
            refusal = refusal or self._cannot_hold(len(piece), size)
            if refusal:
                content.clear()
                self.let_go()
            else:
                content += piece

    def _cannot_hold(self, more: int, size: int) -> str:
        if size > self.max_size:
            return f"552 5.3.4 The message is larger than {self.max_size} bytes (setting listener.max_size)"
        if not self._room.has(more):
            return "452 4.3.1 Too much mail at once; try again"
        self._holds += more
        return ""

    async def read_login(self, mechanism: str, initial: list[str]) -> tuple[bytes, bytes] | None:
        """Name and password by PLAIN or LOGIN (RFC 4616); `None` if that made no sense, which the client was told."""
        if mechanism == "LOGIN":
            name = await self._answer("Username:", initial)
            password = None if name is None else await self._answer("Password:", [])
            return None if name is None or password is None else (name, password)
        answer = await self._answer("", initial)
        if answer is None:
            return None
        parts = answer.split(b"\0")
        if len(parts) != 3:
            await self.push("501 5.5.2 That is no PLAIN login")
            return None
        return parts[1], parts[2]

    async def _answer(self, challenge: str, initial: list[str]) -> bytes | None:
        if not initial:
            answer = await self.challenge_auth(challenge)
            return None if answer is MISSING else bytes(answer)
        try:
            return b64decode(initial[0].removeprefix("="), validate=True)
        except (NoBase64, ValueError):
            await self.push("501 5.5.2 That is no base64")
            return None

    async def _hang_up(self, _arg: str | None) -> None:
        await self.push("421 4.7.0 This is SMTP")
        assert self.transport is not None
        self.transport.close()

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """A path and what follows it: what it names is `strict_address`'s to judge, for all readers alike."""
        found = _PATH.fullmatch(arg)
        if found is None:
            return None, None
        return (found["path"] if found["bare"] is None else found["bare"]) or "<>", found["rest"]

    def _getparams(self, params: Any) -> dict[str, str | bool] | None:
        """AUTH= names who vouches (RFC 4954 §5), which nobody here asks."""
        return super()._getparams([each for each in params if not each.upper().startswith("AUTH=")])

    def _timeout_cb(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self._writer.write(b"421 4.4.2 Too slow; goodbye\r\n")
        super()._timeout_cb()  # type: ignore[no-untyped-call]
