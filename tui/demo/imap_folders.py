"""The mail of the small IMAP server: folders in memory, numbered as RFC 3501 §2.3.1 wants it."""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

SEEN, DELETED = "\\Seen", "\\Deleted"


@dataclass(frozen=True)
class Mail:
    """One message in a folder."""

    uid: int
    raw: bytes
    received: datetime
    flags: frozenset[str] = frozenset()


@dataclass
class Folder:
    """Messages by UID, in rising order; a UID is never given twice."""

    uid_validity: int = field(default_factory=lambda: int(time.time()))
    uid_next: int = 1
    mails: dict[int, Mail] = field(default_factory=dict[int, Mail])

    def add(self, raw: bytes, flags: Iterable[str] = (), received: datetime | None = None) -> int:
        """Put a message at the end; gives back its UID."""
        uid, self.uid_next = self.uid_next, self.uid_next + 1
        self.mails[uid] = Mail(uid, raw, received or datetime.now(UTC), frozenset(flags))
        return uid

    def change_flags(self, uid: int, sign: str, flags: frozenset[str]) -> None:
        """Add (`+`), take away (`-`) or set (empty) a message's flags."""
        mail = self.mails[uid]
        changed = {"+": mail.flags | flags, "-": mail.flags - flags, "": flags}[sign]
        self.mails[uid] = replace(mail, flags=changed)

    def expunge(self, uids: Iterable[int]) -> None:
        """Remove those of these messages that are flagged \\Deleted."""
        for uid in list(uids):
            if DELETED in self.mails[uid].flags:
                del self.mails[uid]

    def move(self, uids: Iterable[int], target: "Folder") -> list[int]:
        """Carry messages over; gives back their new UIDs."""
        moved = [self.mails.pop(uid) for uid in uids]
        return [target.add(mail.raw, mail.flags, mail.received) for mail in moved]


class MailStore:
    """All users' folders; whoever reads or changes them holds the lock."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._users: dict[str, dict[str, Folder]] = {}

    def folders(self, user: str) -> dict[str, Folder]:
        """A user's folders by name; INBOX is always there."""
        with self.lock:
            return self._users.setdefault(user, {"INBOX": Folder()})


def folder_name(name: str) -> str:
    """INBOX in any case is INBOX (RFC 3501 §5.1)."""
    return "INBOX" if name.upper() == "INBOX" else name


def numbers(text: str, known: list[int]) -> list[int]:
    """The known numbers that a set such as `1,4:6,9:*` names; `*` is the highest one."""
    wanted: set[int] = set()
    highest = max(known, default=0)
    for part in text.split(","):
        first, _, last = part.partition(":")
        ends = [highest if end == "*" else int(end) for end in (first, last or first)]
        wanted.update(number for number in known if min(ends) <= number <= max(ends))
    return [number for number in known if number in wanted]
