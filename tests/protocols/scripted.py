"""A server that says what a test tells it to say, one connection after the other or several at once."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self

from core.protocols.server import Server
from core.protocols.tls import Security, TlsTrust
from tui.demo.certificates import ServerCertificate

WITHIN = 20.0


class Talk:
    """The server's side of one connection."""

    def __init__(self, connection: socket.socket, heard: list[bytes]) -> None:
        connection.settimeout(WITHIN)
        self._socket = connection
        self._stream = connection.makefile("rb")
        self._heard = heard

    def say(self, *lines: bytes) -> None:
        """Send lines, in one packet."""
        self.send(b"".join(line + b"\r\n" for line in lines))

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(data)

    def hear(self) -> bytes:
        """The client's next line; empty at the end."""
        line = self._stream.readline()
        if line:
            self._heard.append(line.rstrip(b"\r\n"))
        return line.rstrip(b"\r\n")

    @property
    def last(self) -> bytes:
        """The line that was heard last, from whichever client."""
        return self._heard[-1]

    def secure(self, certificate: ServerCertificate) -> None:
        """Begin TLS."""
        self.secure_with(certificate.server_context())

    def secure_with(self, context: ssl.SSLContext) -> None:
        """Begin TLS with settings of one's own."""
        self._socket = context.wrap_socket(self._socket, server_side=True)
        self._stream.close()
        self._stream = self._socket.makefile("rb")

    def stay_silent(self) -> None:
        """Say nothing until the client goes."""
        while self._stream.readline():
            pass

    def drip(self, pause: threading.Event) -> None:
        """Say a byte at a time until the client goes: each is in time, all together never end."""
        while not pause.wait(0.01):
            self.send(b"x")

    def close(self) -> None:
        self._stream.close()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


Script = Callable[[Talk], object]


class ScriptedServer:
    """Runs a script for each connection, each in a thread of its own."""

    def __init__(self, script: Script) -> None:
        self.heard: list[bytes] = []
        """All lines of all clients, in order."""
        self.connections = 0
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def server(self, security: Security = Security.NONE, trust: TlsTrust | None = None) -> Server:
        """Where it is, as our client is configured."""
        return Server("127.0.0.1", self.port, security, trust or TlsTrust())

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(WITHIN)
            assert not thread.is_alive(), "the client still holds its connection"

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        talk = Talk(connection, self.heard)
        try:
            with contextlib.suppress(OSError, ssl.SSLError, ValueError):
                self._script(talk)
        finally:
            talk.close()


Answer = Sequence[bytes] | Script | Iterator[Sequence[bytes]]
"""What a command is answered with: lines; a script that takes over; or one set of lines after the other."""

IMAP_CAPABILITIES = b"* CAPABILITY IMAP4rev1 UIDPLUS MOVE"
SELECTED = (
    b"* 1 EXISTS",
    b"* OK [UIDVALIDITY 7] ok",
    b"* OK [UIDNEXT 43] ok",
    b"%s OK [READ-WRITE] done",
)


def imap_script(
    answers: Mapping[bytes, Answer] | None = None,
    *,
    greeting: bytes = b"* OK ready",
    capabilities: bytes = IMAP_CAPABILITIES,
) -> Script:
    """An IMAP server in a few lines; `%s` in an answer is the command's tag, a verb may have a word after it."""
    known: dict[bytes, Answer] = {
        b"CAPABILITY": (capabilities, b"%s OK done"),
        b"SELECT": SELECTED,
        b"EXAMINE": SELECTED,
        b"LOGOUT": (b"* BYE bye", b"%s OK done"),
        **(answers or {}),
    }

    def script(talk: Talk) -> None:
        talk.say(greeting)
        while line := talk.hear():
            tag, _, command = line.partition(b" ")
            found = [verb for verb in known if command.startswith(verb)]
            answer: Answer = known[max(found, key=len)] if found else (b"%s OK done",)
            if isinstance(answer, Iterator):
                answer = next(answer)
            if callable(answer):
                answer(talk)
                return
            talk.say(*(each.replace(b"%s", tag) for each in answer))

    return script


def line_script(greeting: bytes, answers: Mapping[bytes, Answer], otherwise: bytes) -> Script:
    """A server of commands and lines (POP3, SMTP) in a few lines."""

    def script(talk: Talk) -> None:
        talk.say(greeting)
        while line := talk.hear():
            found = [verb for verb in answers if line.upper().startswith(verb)]
            answer: Answer = answers[max(found, key=len)] if found else (otherwise,)
            if isinstance(answer, Iterator):
                answer = next(answer)
            if callable(answer):
                if answer(talk) is not True:
                    return
            else:
                talk.say(*answer)

    return script
