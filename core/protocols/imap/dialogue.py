"""A session of IMAP (RFC 3501): greeting, TLS, login, searches, goodbye. What mail there is, is `source`'s business."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Never

from core.errors import NotOffered, WireError
from core.protocols import sasl
from core.protocols.imap.answer import Answer, Asked, Limits
from core.protocols.imap.commands import CAPABILITY_CODE, ImapCommands
from core.protocols.imap.text import folder_name, quoted
from core.protocols.refusals import words
from core.protocols.server import Login

_LARGEST_UID = 2**32 - 1
_LONGEST_SEARCH = 48 * 1024 * 1024
"""Four million UIDs in one line, as servers send them."""

_WHO_ASKS = re.compile(r"unsafe login", re.IGNORECASE)
_NAME = b'("name" "Postroom" "vendor" "Postroom")'
_PART_ONLY = re.compile(rb"\[MESSAGELIMIT \d{1,10} (\d{1,10})\]", re.IGNORECASE)


class ImapDialogue(ImapCommands):
    """Speaks IMAP over a wire."""

    own_command = "LOGIN command"
    spoken_ways = ("PLAIN", own_command, "LOGIN")
    _login_tag = b""

    def greet(self) -> str:
        """Take the greeting (RFC 3501 §7.1)."""
        self.wire.begin("greeting", self.timeouts.login, self.caps.command)
        line = self._line()
        kind, _, text = line.partition(b" ")[2].partition(b" ")
        self.greeting = words(CAPABILITY_CODE.sub(b"", text))
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
        """Sign in by what both sides know, in the order of `sasl.choice`.

        Raises:
            NotOffered: there is none.
            LoginRefused: the server refuses the login.
        """
        self._secrets = login.secrets()
        if not self.capabilities:
            self.refresh_capabilities()
        announced = self.capabilities
        offered = {name.removeprefix("AUTH=") for name in self.capabilities if name.startswith("AUTH=")}
        if login.token is not None:
            self._sign_in_with_token(login, offered)
        else:
            self._sign_in(login, offered if self.offers("LOGINDISABLED") else {*offered, self.own_command})
        if self.capabilities is announced:
            # Servers offer more to those who are logged in; some say so in their OK and spare us the question.
            self.refresh_capabilities()

    def open_folder(self, verb: bytes, folder: str) -> Answer:
        """SELECT or EXAMINE; 163.com and its like open nothing before they are told who asks (RFC 2971)."""
        name = folder_name(folder)
        try:
            return self.command(verb, name, phase="folder")
        except WireError as error:
            if self.wire.broken or not _WHO_ASKS.search(error.reply):
                raise
        self.command(b"ID", _NAME, phase="folder")
        return self.command(verb, name, phase="folder")

    def search(self, criterion: bytes, *, expected: int = 0) -> list[int]:
        """UID SEARCH, with time for `expected` bytes; only with words of our own, never with text from outside.

        A server that looks at its newest messages only is asked again for those before them (RFC 9738 §3.1).
        """
        self.settle()
        asked = self.ask_search(criterion, expected=expected)
        found, lowest = self.found(asked), self.searched_down_to(asked)
        while lowest > 1:
            before = lowest
            asked = self.ask_search(b"UID 1:%d %s" % (before - 1, criterion), expected=expected)
            found += [uid for uid in self.found(asked) if uid < before]
            lowest = self.searched_down_to(asked)
            if lowest >= before:
                self.wire.violation("The server does not go on with its search.")
        return found

    def ask_search(self, criterion: bytes, *, expected: int = 0) -> Asked:
        """UID SEARCH whose answer is taken later, with `found`."""
        limits = Limits(self.timeouts.transfer(expected), budget=_LONGEST_SEARCH, line=_LONGEST_SEARCH)
        return self.ask(b"UID SEARCH", criterion, phase="search", limits=limits)

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

    def searched_down_to(self, asked: Asked) -> int:
        """The lowest UID that a search looked at, where it looked at a part of the folder only; else 0."""
        answer = self.take(asked)
        # Beside another code it stands in an untagged NO.
        told = (_PART_ONLY.match(text) for text in (answer.text, *(line[3:] for line in answer.lines(prefix=b"NO "))))
        return next((int(part[1]) for part in told if part), 0)

    def refresh_capabilities(self) -> None:
        """Ask what the server offers."""
        answer = self.command(b"CAPABILITY", phase="capability", seconds=self.timeouts.login)
        if not answer.lines(prefix=b"CAPABILITY "):
            self.wire.violation("The server does not say what it offers.")

    def log_out(self) -> None:
        """LOGOUT (RFC 3501 §6.1.3): the BYE is what is wanted here."""
        self.settle()
        self.begin("logout", min(5.0, self.timeouts.command), self.caps.command)
        tag = self._send(b"LOGOUT", "")
        while not self._line().startswith(tag + b" "):
            pass

    def _say_own_command(self, login: Login) -> None:
        """LOGIN (RFC 3501 §6.2.3)."""
        user, password = quoted("user name", login.username), quoted("password", login.password.reveal())
        self._hide(password.decode())
        self.command(b"LOGIN", user, password, phase="login", seconds=self.timeouts.login, shown="LOGIN")

    @property
    def _takes_first_message(self) -> bool:
        return self.offers("SASL-IR")  # RFC 4959

    def _begin_by(self, name: str, first: bytes | None) -> bytes | None:
        """AUTHENTICATE (RFC 3501 §6.2.2)."""
        self.begin("login", self.timeouts.login, self.caps.command)
        command = f"AUTHENTICATE {name}"
        if first is None:
            self._login_tag = self._send(command.encode(), "")
        else:
            self._login_tag = self._send(command.encode() + b" " + sasl.encoded(first), command)
        return self._challenge()

    def _challenge(self) -> bytes | None:
        while not (line := self._line()).startswith(b"+"):
            if line.startswith(self._login_tag + b" "):
                self._completed(line[len(self._login_tag) + 1 :])
                return None
            if not line.startswith(b"* "):
                self.wire.violation("The server's answer is no IMAP at this point.", reply=words(line))
            self._heed(line[2:])
        return sasl.decoded(line[1:])

    def _refuse_offers(self, offered: Collection[str]) -> Never:
        if self.offers("LOGINDISABLED") and self.wire.tls is None:
            raise NotOffered(
                "The server takes no password in clear; use TLS or STARTTLS.", host=self.wire.place, phase="login"
            )
        super()._refuse_offers(offered)
