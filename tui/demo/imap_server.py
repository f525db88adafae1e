"""A small IMAP4rev1 server in memory, for the demo on a machine without Dovecot."""

import socket
import socketserver
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self, cast

from tui.demo.certificates import ServerCertificate
from tui.demo.imap_folders import Folder, MailStore
from tui.demo.imap_session import ImapSession


class ImapServer:
    """Users with folders; with a certificate inside TLS from the first byte, else in clear."""

    def __init__(self, users: Mapping[str, str], certificate: ServerCertificate | None = None) -> None:
        self.passwords = dict(users)
        self.store = MailStore()
        self.context = certificate.server_context() if certificate else None
        self._listener = _Listener(self)
        self.host = "127.0.0.1"
        self.port: int = self._listener.server_address[1]
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.05,), name="imap", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Close the port and all connections, and forget the mail."""
        self._listener.shutdown()
        self._listener.end_connections()
        self._listener.server_close()
        self._thread.join(10)

    def deliver(self, user: str, messages: Iterable[bytes], folder: str = "INBOX") -> int:
        """Put messages into a folder, in this order; gives back how many."""
        with self.store.lock:
            target = self.store.folders(user).setdefault(folder, Folder())
            return len([target.add(raw) for raw in messages])


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, server: ImapServer) -> None:
        self.server = server
        self.open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def end_connections(self) -> None:
        for connection in list(self.open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(socketserver.StreamRequestHandler):
    timeout = 1800  # seconds of silence after which a client may be thrown out (RFC 3501 §5.4)
    disable_nagle_algorithm = True

    def setup(self) -> None:
        context = self._listener.server.context
        if context is not None:
            self.request = context.wrap_socket(self.request, server_side=True, do_handshake_on_connect=False)
        self._listener.open.add(self.request)
        super().setup()

    def handle(self) -> None:
        server = self._listener.server
        with suppress(OSError):  # the client went away, or does not like our certificate
            ImapSession(self.rfile, self.request.sendall, server.passwords, server.store).serve()

    def finish(self) -> None:
        self._listener.open.discard(self.request)
        with suppress(OSError):
            super().finish()
        self.request.close()

    @property
    def _listener(self) -> _Listener:
        return cast("_Listener", self.server)
