"""Servers in this process, over real sockets, that say what their script says: for what real servers will not do."""

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import BinaryIO, Self

from tests.fakes.steps import (
    GREETING,
    Ask,
    Command,
    Cut,
    Drip,
    Flood,
    Reply,
    Silence,
    StartTls,
    Step,
    TakeMessage,
)
from tests.waiting import PATIENCE
from tui.demo.certificates import ServerCertificate


class ScriptedServer:
    """A server with a table from command to reply; subclasses know a protocol and a good server's table."""

    good: Mapping[str, Reply] = {}
    """The replies of a server that does what it should."""
    unknown: Reply = ()
    """What to do at a command that stands in no table."""

    def __init__(
        self,
        script: Mapping[str, Reply] | None = None,
        certificate: ServerCertificate | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.script: dict[str, Reply] = {**self.good, **(script or {})}
        self.context = certificate.server_context() if certificate else None
        """TLS from the first byte, if there is a certificate."""
        self.commands: list[Command] = []
        self.messages: list[bytes] = []
        """What `TakeMessage` has read, dots included."""
        self.failures: list[Exception] = []
        """Mistakes in a script; the end of the `with` block raises the first one."""
        self.connections = 0
        self.stopping = threading.Event()
        self._listener = socket.create_server((host, 0))
        self.host = host
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self.sockets: list[socket.socket] = [self._listener]
        """What `stop` has to wake."""

    def __enter__(self) -> Self:
        self._begin(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
        if self.failures and error is None:
            raise self.failures[0]

    @property
    def keys(self) -> list[str]:
        """The commands so far, in order, over all connections."""
        return [command.key for command in self.commands]

    def stop(self) -> None:
        """Close the port and all connections."""
        self.stopping.set()
        for each in self.sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
        self._listener.close()

    def command(self, line: bytes, connection: int) -> Command:
        """Take a line apart; here by its first word."""
        text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
        return Command(connection, time.monotonic(), "", text.partition(" ")[0].upper(), text)

    def read_command(self, stream: BinaryIO, send: Callable[[bytes], None]) -> bytes:
        """The next command; empty at the end of the connection."""
        return stream.readline(1_000_000)

    def _begin(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self.sockets.append(accepted)
            self._begin(self._serve, accepted, self.connections)

    def _serve(self, accepted: socket.socket, number: int) -> None:
        connection = _Connection(self, accepted, number)
        try:
            connection.serve()
        except (OSError, EOFError):
            pass  # the client went away, or the script cut the connection
        except Exception as mistake:
            self.failures.append(mistake)
        finally:
            connection.close()


class _Connection:
    """One client: reads commands, carries out the steps of their replies."""

    def __init__(self, server: ScriptedServer, accepted: socket.socket, number: int) -> None:
        self._server = server
        self._socket = accepted
        self._number = number
        self._stream: BinaryIO = accepted.makefile("rb")

    def serve(self) -> None:
        self._give_way()
        if self._server.context is not None:
            self._speak_tls(self._server.context)
        self._carry_out(Command(self._number, time.monotonic(), "", GREETING, ""))
        while line := self._server.read_command(self._stream, self._socket.sendall):
            command = self._server.command(line, self._number)
            self._server.commands.append(command)
            self._carry_out(command)

    def close(self) -> None:
        with suppress(OSError):
            self._stream.close()
        self._socket.close()

    def _speak_tls(self, context: ssl.SSLContext) -> None:
        self._stream.close()
        # The new socket takes the old one's descriptor: the server must know it before the handshake, to stop in it.
        protected = context.wrap_socket(self._socket, server_side=True, do_handshake_on_connect=False)
        self._server.sockets.append(protected)
        self._socket = protected
        self._stream = protected.makefile("rb")
        self._give_way()
        protected.do_handshake()

    def _carry_out(self, command: Command) -> None:
        reply = self._server.script.get(command.key, self._server.unknown)
        for step in reply(command) if callable(reply) else reply:
            self._do(step, command)

    def _do(self, step: Step, command: Command) -> None:
        match step:
            case str():
                self._send(step.replace("$tag", command.tag).encode("utf-8", "surrogateescape") + b"\r\n")
            case bytes():
                self._send(step)
            case Silence():
                self._wait_for_the_end()
            case Cut(reset):
                self._cut(reset)
            case Drip(data, pause):
                for position in range(len(data)):
                    self._send(data[position : position + 1])
                    self._server.stopping.wait(pause)
            case Flood(piece, times):
                for _ in range(times):
                    self._send(piece)
            case Ask(line):
                if line:
                    self._send(line.encode() + b"\r\n")
                self._server.commands.append(self._server.command(self._line(), self._number))
            case TakeMessage():
                self._server.messages.append(b"".join(self._lines_to_dot()))
            case StartTls(certificate):
                self._speak_tls(certificate.server_context())

    def _give_way(self) -> None:
        """Whoever stops the server wakes the sockets that it knows; it may not have known this one yet."""
        if self._server.stopping.is_set():
            raise EOFError

    def _send(self, data: bytes) -> None:
        self._give_way()
        self._socket.sendall(data)

    def _line(self) -> bytes:
        line = self._stream.readline(1_000_000)
        if not line:
            raise EOFError
        return line

    def _lines_to_dot(self) -> Iterator[bytes]:
        while (line := self._line()) != b".\r\n":
            yield line

    def _wait_for_the_end(self) -> None:
        while self._stream.readline(1_000_000):
            pass
        raise EOFError

    def _cut(self, reset: bool) -> None:
        if reset:
            # SO_LINGER with zero seconds: close() sends RST and throws away what is not sent yet.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise EOFError
