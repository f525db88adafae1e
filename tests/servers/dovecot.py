"""The private Dovecot with what tests need beyond the demo: reading back by a second way, and misfortune."""

import imaplib
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from imapclient import imap_utf7

from tests.servers.pop3_reader import Pop3Reader
from tests.waiting import PATIENCE
from tui.demo.dovecot import Dovecot

ALL_CAPABILITIES = (
    "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY THREAD=REFERENCES THREAD=REFS "
    "THREAD=ORDEREDSUBJECT MULTIAPPEND URL-PARTIAL CATENATE UNSELECT CHILDREN NAMESPACE UIDPLUS LIST-EXTENDED "
    "I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES WITHIN CONTEXT=SEARCH LIST-STATUS BINARY MOVE "
    "SNIPPET=FUZZY PREVIEW=FUZZY PREVIEW STATUS=SIZE SAVEDATE LITERAL+ NOTIFY"
)
"""What Dovecot 2.3 announces after login."""


def capabilities_without(*hidden: str) -> str:
    """A value for `DovecotOptions.imap_capability`: all there are, but not these. Hidden commands still work."""
    return " ".join(name for name in ALL_CAPABILITIES.split() if name not in hidden)


@dataclass(frozen=True)
class ServedMail:
    """A message as the server serves it."""

    uid: int
    raw: bytes
    flags: frozenset[str]


class DovecotServer(Dovecot):
    """A private Dovecot that tests can look into, through clients that are not ours."""

    _fresh_numbers = count(1)

    def fresh_user(self, name: str = "user", password: str = "secret") -> str:
        """A user that no other test has, with an empty INBOX."""
        user = f"{name}{next(self._fresh_numbers)}"
        self.add_user(user, password)
        return user

    def keep_as(self, user: str, scheme: str) -> None:
        """Let the server keep this user's password by one scheme, such as `SCRAM-SHA-1`, and be able to check no other."""
        said = ["doveadm", "-c", "/dev/null", "pw", "-s", scheme, "-p", self.passwords[user]]
        kept = subprocess.run(said, check=True, capture_output=True, text=True).stdout.strip()
        (self.folder / "passwords" / user).write_text(f"{user}:{kept}::::::\n")

    @contextmanager
    def imap(self, user: str) -> Iterator[imaplib.IMAP4]:
        """A plain IMAP connection of the standard library, logged in."""
        with imaplib.IMAP4(self.host, self.ports.imap, timeout=PATIENCE) as connection:
            connection.login(user, self.passwords[user])
            yield connection

    def mails(self, user: str, folder: str = "INBOX") -> list[ServedMail]:
        """What IMAP serves in a folder, in the order of UIDs; reading changes nothing."""
        with self.imap(user) as connection:
            _select(connection, folder)
            return [mail for uids in _batches(_uids(connection)) for mail in _fetch(connection, uids)]

    def pop3_mails(self, user: str) -> list[tuple[str, bytes]]:
        """What POP3 serves, as (UIDL, message) in the order of the mailbox; Dovecot marks them \\Seen."""
        with Pop3Reader(self.host, self.ports.pop3, user, self.passwords[user]) as reader:
            return list(reader.mails())

    def append(
        self, user: str, raw: bytes, folder: str = "INBOX", flags: str = "", internal_date: str | None = None
    ) -> None:
        """Store one message through IMAP, flags such as `\\Seen`, the date as IMAP writes it, in quotes."""
        with self.imap(user) as connection:
            _accepted(connection.append(quoted(folder), flags, internal_date or "", raw))

    def create_folder(self, user: str, folder: str) -> None:
        """Make a folder, and those above it."""
        with self.imap(user) as connection:
            _accepted(connection.create(quoted(folder)))

    def set_flags(self, user: str, uid: int, flags: str, folder: str = "INBOX") -> None:
        """Let another client set flags, such as `\\Seen \\Deleted`."""
        with self.imap(user) as connection:
            _select(connection, folder, readonly=False)
            _accepted(connection.uid("STORE", str(uid), "+FLAGS.SILENT", f"({flags})"))

    def remove(self, user: str, uid: int, folder: str = "INBOX") -> None:
        """Let another client remove a message."""
        with self.imap(user) as connection:
            _select(connection, folder, readonly=False)
            _accepted(connection.uid("STORE", str(uid), "+FLAGS.SILENT", r"(\Deleted)"))
            _accepted(connection.uid("EXPUNGE", str(uid)))

    def uidvalidity(self, user: str, folder: str = "INBOX") -> int:
        """The folder's UIDVALIDITY (RFC 3501 §2.3.1.1)."""
        with self.imap(user) as connection:
            status = _accepted(connection.status(quoted(folder), "(UIDVALIDITY)"))
            found = re.search(rb"UIDVALIDITY (\d+)", status[0])
            assert found is not None
            return int(found[1])

    def reset_uidvalidity(self, user: str, folder: str = "INBOX") -> None:
        """Give the folder another UIDVALIDITY and its messages new UIDs, as after a restore from a backup."""
        before = self.uidvalidity(user, folder)
        self.stop()
        # `dovecot-uidvalidity` in the root stays: it keeps the next number from being the old one again.
        for pattern in ("dovecot-uidlist", "dovecot.index*", "dovecot.list.index*"):
            for path in self.maildir(user, folder).glob(pattern):
                path.unlink()
        self.start()
        assert self.uidvalidity(user, folder) != before


def quoted(folder: str) -> str:
    """A folder's name as an IMAP command takes it (modified UTF-7 in quotes)."""
    return '"' + imap_utf7.encode(folder).decode("ascii").replace("\\", "\\\\").replace('"', '\\"') + '"'


def _accepted(answer: tuple[str, list[Any]]) -> list[Any]:
    status, data = answer
    assert status == "OK", data
    return data


def _select(connection: imaplib.IMAP4, folder: str, readonly: bool = True) -> None:
    _accepted(connection.select(quoted(folder), readonly))


def _uids(connection: imaplib.IMAP4) -> list[bytes]:
    return sorted(_accepted(connection.uid("SEARCH", "ALL"))[0].split(), key=int)


def _batches(uids: list[bytes], size: int = 200) -> Iterator[bytes]:
    for start in range(0, len(uids), size):
        yield b",".join(uids[start : start + size])


def _fetch(connection: imaplib.IMAP4, uids: bytes) -> Iterator[ServedMail]:
    for item in _accepted(connection.uid("FETCH", uids.decode(), "(UID FLAGS BODY.PEEK[])")):
        if isinstance(item, tuple):
            head, raw = item
            found = re.search(rb"UID (\d+) FLAGS \(([^)]*)\)", head)
            assert found is not None, head
            yield ServedMail(int(found[1]), raw, frozenset(found[2].decode().split()))
