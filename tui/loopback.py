"""Where a browser comes back to after a sign-in: a listener on this machine alone, for one answer (RFC 8252 §7.3)."""

from __future__ import annotations

import errno
import hmac
import queue
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from core.errors import ConfigurationError

_PATIENCE = 5.0
"""Seconds a connection may take to say what it wants."""

_TRIES = 10
_NO_IPV6 = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT}

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Postroom</title>
<body style="font-family: sans-serif; margin: 4em auto; max-width: 30em"><h1>{title}</h1><p>{text}</p></body></html>
"""


class Loopback:
    """Listens on 127.0.0.1 and ::1, on one port, until the answer with the right state comes."""

    def __init__(self, port: int = 0) -> None:
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._state = ""
        self._servers = _servers(port, self)
        self.port = int(self._servers[0].server_address[1])

    def __enter__(self) -> Loopback:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.1,), name="loopback", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    @property
    def redirect_uri(self) -> str:
        """What the provider is told; registered as `http://localhost`, the port does not count there."""
        return f"http://localhost:{self.port}"

    def expect(self, state: str) -> None:
        """The state of the sign-in: whatever else calls here is turned away."""
        self._state = state

    def answer(self, seconds: float) -> str | None:
        """The query that the browser came back with, or `None` if it has not within that time."""
        try:
            return self._answers.get(timeout=seconds)
        except queue.Empty:
            return None

    def is_waiting_for(self, query: str) -> bool:
        """Whether this is the answer to the sign-in."""
        states = parse_qs(query, max_num_fields=50).get("state", [""])
        return bool(self._state) and hmac.compare_digest(states[0].encode(), self._state.encode())

    def take(self, query: str) -> None:
        """Give it to the one who waits."""
        self._answers.put(query)


def _servers(port: int, loopback: Loopback) -> list[_Server4]:
    """One on each loopback address, on the same port: a browser may take `localhost` for either."""
    for _ in range(_TRIES):
        first = _listening(port, loopback)
        try:
            return [first, _Server6("::1", int(first.server_address[1]), loopback)]
        except OSError as error:
            if error.errno in _NO_IPV6:
                return [first]
            first.server_close()  # somebody else would be called in our place
    raise ConfigurationError(
        f"Somebody else listens on ::1 at the same port ({port}). Choose another port, or use --paste."
    )


def _listening(port: int, loopback: Loopback) -> _Server4:
    try:
        return _Server4("127.0.0.1", port, loopback)
    except OSError as error:
        raise ConfigurationError(
            f"Nothing can listen on 127.0.0.1 port {port}: {error.strerror}. Choose another port, or use --paste."
        ) from error


class _Server4(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: str, port: int, loopback: Loopback) -> None:
        self.loopback = loopback
        super().__init__((host, port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hangs up in the middle is nobody's business."""


class _Server6(_Server4):
    address_family = socket.AF_INET6


class _Handler(BaseHTTPRequestHandler):
    timeout = _PATIENCE
    server_version = "Postroom"
    sys_version = ""

    def do_GET(self) -> None:
        """Take an answer; a page says how it went."""
        loopback, query = cast("_Server4", self.server).loopback, urlsplit(self.path).query
        host = (self.headers.get("Host") or "").rpartition(":")[0]
        # A name that resolves to this machine only for the while is a web page's trick (DNS rebinding).
        if host not in {"localhost", "127.0.0.1", "[::1]"}:
            self._say(400, "Not here", "This address is for a sign-in of Postroom alone.")
        elif loopback.is_waiting_for(query):
            try:
                said = "Go back to Postroom: it says how the sign-in went. This window can be closed."
                self._say(200, "Thank you", said)
            finally:
                loopback.take(query)  # with it the process may be over: the browser has its page by then
        else:
            self._say(404, "Nothing waits for this", "The sign-in is another one, or over. Begin again in Postroom.")

    def _say(self, status: int, title: str, text: str) -> None:
        page = _PAGE.format(title=title, text=text).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the path holds the code."""
