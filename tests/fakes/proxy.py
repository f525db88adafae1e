"""A TCP proxy between a client and a server, with rules for what goes wrong, and a record of the client's lines."""

import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.fakes.faults import Direction, Fault, Rule, first_fault
from tests.waiting import PATIENCE
from tui.demo.certificates import ServerCertificate


@dataclass(frozen=True)
class Line:
    """A line that a client sent."""

    connection: int
    """Which connection it came on, from 1."""
    at: float
    """`time.monotonic()`, before it was passed on."""
    text: str


class Proxy:
    """Connects each client to the server. With a certificate it ends TLS and speaks to the server in clear.

    `watch` is called with each line before it is passed on, on the proxy's thread: what must be true at that moment can be
    looked up there. What it raises stands in `failures`, the connection is cut, and the end of the `with` block raises it.
    """

    def __init__(
        self,
        server_port: int,
        *rules: Rule,
        certificate: ServerCertificate | None = None,
        watch: Callable[[Line], None] = lambda line: None,
    ) -> None:
        self.host = "127.0.0.1"
        self.server_port = server_port
        self.rules: list[Rule] = list(rules)
        """May be changed while connections are open."""
        self.lines: list[Line] = []
        self.failures: list[BaseException] = []
        self.connections = 0
        self.watch = watch
        self.stopping = threading.Event()
        self._context = certificate.server_context() if certificate else None
        self._listener = socket.create_server((self.host, 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._links: list[_Link] = []

    def __enter__(self) -> Self:
        self.begin(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stopping.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self.cut_all()
        for thread in self._threads:
            thread.join(PATIENCE)
        self._listener.close()
        if self.failures and error is None:
            raise self.failures[0]

    def cut_all(self, reset: bool = False) -> None:
        """Break off all connections that are open now."""
        # Whoever connects anew because of it is not cut off as well.
        for link in tuple(self._links):
            link.end(reset)

    def begin(self, work: Callable[..., None], *arguments: object) -> None:
        """Do something on a thread that the end of the `with` block waits for."""
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self.begin(self._connect, client, self.connections)

    def _connect(self, client: socket.socket, number: int) -> None:
        try:
            server = socket.create_connection((self.host, self.server_port), timeout=PATIENCE)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        try:
            inner = _GuardedTls(client, self._context) if self._context else client
        except OSError:
            client.close()
            server.close()
            return
        link = _Link(self, number, inner, server)
        self._links.append(link)
        if self.stopping.is_set():
            link.end(reset=False)  # the end of the `with` block may not have known of it yet
        link.run()


class _GuardedTls:
    """A TLS connection that one thread may read while another writes: OpenSSL itself does not allow that."""

    def __init__(self, accepted: socket.socket, context: ssl.SSLContext) -> None:
        accepted.settimeout(10)
        self._socket = context.wrap_socket(accepted, server_side=True)
        self._socket.settimeout(None)
        self._lock = threading.Lock()

    def recv(self, size: int) -> bytes:
        while True:
            if not self._socket.pending():
                select.select([self._socket], [], [])
            with self._lock, suppress(ssl.SSLWantReadError):
                self._socket.settimeout(0)
                try:
                    return self._socket.recv(size)
                finally:
                    self._socket.settimeout(None)

    def sendall(self, data: bytes) -> None:
        with self._lock:
            self._socket.sendall(data)

    def shutdown(self, how: int) -> None:
        self._socket.shutdown(how)

    def setsockopt(self, level: int, option: int, value: bytes) -> None:
        self._socket.setsockopt(level, option, value)

    def close(self) -> None:
        self._socket.close()


_Socket = socket.socket | _GuardedTls
_REMEMBERED = 200


class _Link:
    """One client's connection through the proxy."""

    def __init__(self, proxy: Proxy, number: int, client: _Socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._number = number
        self._client = client
        self._server = server
        self._is_black = False
        self._is_over = False

    def run(self) -> None:
        back = threading.Thread(target=self._pump, args=(Direction.TO_CLIENT, self._server, self._client), daemon=True)
        back.start()
        self._pump(Direction.TO_SERVER, self._client, self._server)
        back.join()
        self._client.close()
        self._server.close()

    def end(self, reset: bool) -> None:
        if self._is_over:
            return  # a second shutdown would send FIN before the RST
        self._is_over = True
        for each in (self._client, self._server):
            with suppress(OSError):
                if reset:
                    # With no time to linger, close() sends RST; it comes when both pumps have let go of the socket.
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                each.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)

    def _pump(self, direction: Direction, source: _Socket, target: _Socket) -> None:
        flow = _Flow(self._proxy, direction, self._number, target)
        try:
            while piece := source.recv(65_536):
                if not self._is_black:
                    self._pass(flow, piece)
            if self._is_black:
                self._proxy.stopping.wait()
            if not self._is_over:
                target.shutdown(socket.SHUT_WR)
        except OSError:
            self.end(reset=False)
        except BaseException as mistake:
            self._proxy.failures.append(mistake)
            self.end(reset=False)

    def _pass(self, flow: "_Flow", piece: bytes) -> None:
        flow.record(piece)
        while piece and not self._is_black:
            acting = first_fault(flow.rules(), flow.passed, piece, flow.before)
            if acting is None:
                flow.send(piece)
                return
            where, rule = acting
            if rule.fault is Fault.BLACKHOLE:
                # Before the last that is let through: its answer may come at once, and is swallowed too.
                self._is_black = True
            flow.send(piece[:where])
            piece = piece[where:]
            flow.done.add(rule)
            self._do(rule, flow)

    def _do(self, rule: Rule, flow: "_Flow") -> None:
        match rule.fault:
            case Fault.CUT | Fault.RESET:
                self.end(reset=rule.fault is Fault.RESET)
                raise ConnectionAbortedError
            case Fault.BLACKHOLE:
                pass  # it is black already
            case Fault.DRIP:
                flow.drip = rule.pause
            case Fault.DELAY:
                self._proxy.stopping.wait(rule.pause)


class _Flow:
    """One direction of a link: what has passed, which rules have acted."""

    def __init__(self, proxy: Proxy, direction: Direction, connection: int, target: _Socket) -> None:
        self.passed = 0
        self.before = b""
        self.done: set[Rule] = set()
        self.drip = 0.0
        self._proxy = proxy
        self._direction = direction
        self._connection = connection
        self._target = target
        self._unfinished = b""

    def rules(self) -> list[Rule]:
        return [
            rule
            for rule in self._proxy.rules
            if rule.direction is self._direction
            and rule not in self.done
            and (not rule.connections or self._connection in rule.connections)
        ]

    def record(self, piece: bytes) -> None:
        if self._direction is Direction.TO_CLIENT:
            return
        *complete, self._unfinished = (self._unfinished + piece).split(b"\n")
        for text in complete:
            line = Line(self._connection, time.monotonic(), text.decode("utf-8", "replace").rstrip("\r"))
            self._proxy.lines.append(line)
            self._proxy.watch(line)

    def send(self, data: bytes) -> None:
        for start in range(0, len(data), 1 if self.drip else len(data) or 1):
            self._target.sendall(data[start : start + 1] if self.drip else data)
            if self.drip:
                self._proxy.stopping.wait(self.drip)
        self.passed += len(data)
        self.before = (self.before + data)[-_REMEMBERED:]
