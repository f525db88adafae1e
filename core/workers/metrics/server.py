"""Metrics and health over HTTP, on this machine alone: `/metrics` as Prometheus reads them, `/healthz` as probes do."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler
from io import BufferedReader
from typing import Any, NamedTuple

from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import CollectorRegistry

from core.clock import Deadline
from core.errors import StoreError
from core.workers.metrics.asking import InTime, is_named_rightly

SILENCE = 5.0
"""Seconds for all that a client has to say, and for all that it is told."""

MOST_AT_ONCE = 8
"""Clients that are answered at once; more are turned away."""

MARK = "X-Postroom"
"""The header by which workers of one home know each other."""

TEXT = "text/plain; charset=utf-8"


class MetricsServer(socketserver.ThreadingTCPServer):
    """Answers until it is stopped."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(
        self, place: tuple[str, int], registry: CollectorRegistry, problems: Callable[[], list[str]], mark: str
    ) -> None:
        """Take the port.

        Raises:
            OSError: it cannot be had.
        """
        self.address_family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
        super().__init__(place, _Request)
        self.place = place
        self.registry = registry
        self.problems = problems
        self.mark = mark
        self._room = threading.BoundedSemaphore(MOST_AT_ONCE)
        self._thread = threading.Thread(target=self.serve_forever, name="metrics-server", daemon=True)

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Give the port back."""
        self.shutdown()
        self._thread.join()
        self.server_close()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether there is room for one more."""
        return self._room.acquire(blocking=False)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer one client, in a thread of its own."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Answer(NamedTuple):
    status: HTTPStatus
    content_type: str
    body: bytes


class _Request(BaseHTTPRequestHandler):
    server: MetricsServer
    timeout = SILENCE

    def setup(self) -> None:
        """Read within one deadline: who says a letter every four seconds would keep out whoever else asks."""
        super().setup()
        self.rfile.close()
        self.rfile = BufferedReader(InTime(self.connection, Deadline(SILENCE)))

    def do_GET(self) -> None:
        answer = {"/metrics": self._metrics, "/healthz": self._health}.get(self.path.partition("?")[0], _unknown)
        if not is_named_rightly(self.headers.get("Host", "")):
            answer = _misdirected
        status, content_type, body = answer()
        self.connection.settimeout(SILENCE)
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header(MARK, self.server.mark)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

    def version_string(self) -> str:
        """What the header Server says: no version, which is told under `postroom_build_info`."""
        return "Postroom"

    def log_message(self, format: str, *args: Any) -> None:
        """Each look of a monitor is no line of the log."""

    def _metrics(self) -> _Answer:
        encode, content_type = choose_encoder(self.headers.get("Accept", ""))
        try:
            return _Answer(HTTPStatus.OK, content_type, encode(self.server.registry))
        except StoreError as error:
            return _Answer(HTTPStatus.SERVICE_UNAVAILABLE, TEXT, f"{error}\n".encode())

    def _health(self) -> _Answer:
        problems = self.server.problems()
        status = HTTPStatus.SERVICE_UNAVAILABLE if problems else HTTPStatus.OK
        return _Answer(status, TEXT, "".join(f"{line}\n" for line in problems or ["ok"]).encode())


def _misdirected() -> _Answer:
    text = b"Ask by address, as localhost, or by this machine's name.\n"
    return _Answer(HTTPStatus.MISDIRECTED_REQUEST, TEXT, text)


def _unknown() -> _Answer:
    return _Answer(HTTPStatus.NOT_FOUND, TEXT, b"There are /metrics and /healthz.\n")


def is_answered_by(place: tuple[str, int], mark: str) -> bool:
    """Whether a worker of the home with this mark answers there already."""
    connection = HTTPConnection(*place, timeout=SILENCE)
    try:
        connection.request("HEAD", "/")
        return connection.getresponse().getheader(MARK) == mark
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
