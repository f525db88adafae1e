"""What the mailboxes' servers take, as they have said it; and what of that is still to be written."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.outbound.route import Route
from core.outbox.mailbox_news import MailboxNews


@dataclass(frozen=True, slots=True)
class Limits:
    """What a mailbox's server takes."""

    size: int = 0
    """Bytes of a message; 0: unknown, or no limit."""
    recipients: int = 0
    """Of one transaction; 0: it has refused none."""
    takes_utf8: bool | None = None
    """Whether it offers SMTPUTF8; `None`: unknown."""


class Learned:
    """What a pass has learned of them, beside what was known when its messages were claimed."""

    def __init__(self) -> None:
        self._found: dict[int, Limits] = {}
        self._news: set[int] = set()

    def of(self, route: Route) -> Limits:
        """What a mailbox's server takes, as far as is known."""
        known = Limits(route.server_max_size, route.server_max_recipients, route.server_takes_utf8)
        return self._found.get(route.mailbox_id, known)

    def most_recipients_of(self, route: Route) -> int:
        """The most recipients it takes in one transaction; 0: it has refused none. Asked for each message."""
        found = self._found.get(route.mailbox_id)
        return route.server_max_recipients if found is None else found.recipients

    def learn(self, route: Route, *, size: int | None, recipients: int | None, takes_utf8: bool | None) -> None:
        """What its server has just said; `None`: nothing of that."""
        known = self.of(route)
        found = Limits(
            known.size if size is None else size,
            recipients or known.recipients,
            known.takes_utf8 if takes_utf8 is None else takes_utf8,
        )
        if found != known:
            self._found[route.mailbox_id] = found
            self._news.add(route.mailbox_id)

    def has_news(self, mailbox_id: int) -> bool:
        """Whether something of this mailbox is still to be written."""
        return mailbox_id in self._news

    def told_with(self, news: MailboxNews) -> MailboxNews:
        """The same news with what was learned of that mailbox, which is now written with it."""
        if news.mailbox_id not in self._news:
            return news
        self._news.discard(news.mailbox_id)
        limits = self._found[news.mailbox_id]
        return replace(
            news,
            server_max_size=limits.size,
            server_max_recipients=limits.recipients,
            server_takes_utf8=limits.takes_utf8,
        )
