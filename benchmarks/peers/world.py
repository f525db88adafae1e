"""The server that all read from: one Dovecot on loopback, its mailboxes filled and indexed before anyone is timed."""

from __future__ import annotations

from itertools import count

from benchmarks.peers.peer import Protocol, Source
from tests.corpus.generate import mixed_messages
from tests.servers.dovecot import DovecotServer

PASSWORD = "secret"

# A process serves many clients in turn, as on a server of that size; 200 logins at once must not wait for forks.
ROOM = """
default_client_limit = 4000
service imap {
  process_min_avail = 4
}
service pop3 {
  process_min_avail = 4
}
"""


class World:
    """Mailboxes of one size each, made when first asked for."""

    def __init__(self, server: DovecotServer) -> None:
        self._server = server
        self._numbers = count(1)
        self._filled: dict[tuple[int, int], tuple[str, ...]] = {}

    def source(
        self, protocol: Protocol, *, is_tls: bool, messages: int, users: int = 1, is_new: bool = False
    ) -> Source:
        """So many users with so many messages each; `is_new`: ones that nobody has read from."""
        ports = self._server.ports
        by_kind = {
            ("imap", False): ports.imap,
            ("imap", True): ports.imaps,
            ("pop3", False): ports.pop3,
            ("pop3", True): ports.pop3s,
        }
        return Source(
            host="localhost",
            port=by_kind[protocol, is_tls],
            protocol=protocol,
            is_tls=is_tls,
            authority=self._server.certificate.authority,
            users=self._fresh(messages, users) if is_new else self._kept(messages, users),
            password=PASSWORD,
            messages=messages * users,
        )

    def _kept(self, messages: int, users: int) -> tuple[str, ...]:
        if (messages, users) not in self._filled:
            self._filled[messages, users] = self._fresh(messages, users)
        return self._filled[messages, users]

    def _fresh(self, messages: int, users: int) -> tuple[str, ...]:
        return tuple(self._fill(messages) for _ in range(users))

    def _fill(self, messages: int) -> str:
        number = next(self._numbers)
        user = f"user{number}"
        self._server.add_user(user, PASSWORD)
        self._server.deliver(user, mixed_messages(messages, number))
        # Dovecot builds its indexes and caches now, and sets \Seen, not under the first one measured.
        self._server.pop3_mails(user)
        self._server.mails(user)
        return user
