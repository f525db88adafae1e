"""IMAP as a source of mail (RFC 3501): lists by UID, reads without marking, removes exactly what it is told to."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from core.clock import monotonic
from core.errors import Misuse, NotOffered, WireError
from core.mail.withheld import tells_of_removal, words_in_its_place
from core.protocols.imap import fetch as imap_fetch
from core.protocols.imap import listing as imap_listing
from core.protocols.imap.answer import Answer
from core.protocols.imap.bodies import Bodies
from core.protocols.imap.dialogue import ImapDialogue
from core.protocols.imap.folders import Folder, parse_list, status_values
from core.protocols.imap.idle import Idling
from core.protocols.imap.namespace import about, name_to_make
from core.protocols.imap.removal import Removed, copy_or_move, expunge, store
from core.protocols.imap.text import folder_name, sequence_sets
from core.protocols.source import Fetched, Key, Listing, Missing, Removal, Selected, SessionFacts

T = TypeVar("T")

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MOST_DATES = 5000
"""Messages whose dates are compared to find the oldest, when the first in the folder is not."""


@dataclass(frozen=True)
class FolderStatus:
    """A folder as STATUS tells it, without selecting it (RFC 3501 §6.3.10)."""

    messages: int
    uidnext: int
    uidvalidity: int


class ImapSource:
    """A logged-in IMAP connection; good for many runs."""

    def __init__(self, dialogue: ImapDialogue, facts: SessionFacts) -> None:
        self.facts = facts
        """What is known of the connection."""
        self.opened_at = monotonic()
        """When it was opened, by this process's clock."""
        self._dialogue = dialogue
        self._selected = Selected("", 0, 0, 0)
        self._writable = False
        self._is_read_only = False
        self._bodies = Bodies(dialogue)

    @property
    def is_usable(self) -> bool:
        """Whether the connection is still in step."""
        return not self._dialogue.wire.broken

    @property
    def deletes_into_trash(self) -> bool:
        """Gmail: removing a label is no deleting, so `delete` moves to the \\Trash folder."""
        return self._dialogue.offers("X-GM-EXT-1")

    def select(self, folder: str, *, writable: bool) -> Selected:
        """SELECT, or EXAMINE when nothing may be changed."""
        self._selected = Selected("", 0, 0, 0)
        self._bodies.forget()
        with about(self._dialogue, folder):
            answer = self._dialogue.open_folder(b"SELECT" if writable else b"EXAMINE", folder)
        self._selected = self._read_selected(folder, answer)
        self._writable = writable
        self._is_read_only = answer.text.upper().startswith(b"[READ-ONLY]")
        return self._selected

    def list_new(self, folder: str, above: int = 0) -> Listing:
        """The UIDs above this one."""
        self._require(folder)
        uids = imap_listing.listed(self._dialogue, self._selected.exists, above)
        return Listing(folder, self._selected.uidvalidity, self._selected.exists, uids)

    def newest(self) -> int:
        """The UID of the last message of the selected folder; 0 if the server does not tell."""
        return imap_listing.newest(self._dialogue)

    def since(self, day: date) -> set[int]:
        """The UIDs of what came on this day or later, by the server's own dates (RFC 3501 §6.4.4)."""
        return set(self._dialogue.search(b"SINCE " + _day(day)))

    def larger_than(self, size: int) -> set[int]:
        """The UIDs of messages of more bytes than this."""
        return set(self._dialogue.search(b"LARGER %d" % size))

    def with_subject_word(self, word: str) -> set[int]:
        """The UIDs of messages with this word in their subject; only a word of our own, never text from outside.

        Raises:
            Misuse: it is not one word of ASCII letters and digits.
        """
        if not (word.isascii() and word.isalnum()):
            raise Misuse(f"{word!r} is not searched for.")
        return set(self._dialogue.search(b"SUBJECT " + word.encode()))

    def sizes(self, keys: Sequence[Key]) -> dict[Key, int]:
        """RFC822.SIZE of each that is still there; 0 where the server does not tell it."""
        by_uid = self._by_uid(keys)
        found: dict[int, int] = {}
        for uids in sequence_sets(by_uid):
            answer = self._dialogue.command(b"UID FETCH", uids, b"(UID RFC822.SIZE)", phase="sizes")
            found.update(imap_fetch.understood(self._dialogue, imap_fetch.sizes, answer))
        self._bodies.announce(found)
        # Exchange keeps silent of some messages.
        found.update(dict.fromkeys(imap_listing.present(self._dialogue, by_uid.keys() - found.keys()), 0))
        return {by_uid[uid]: size for uid, size in found.items() if uid in by_uid}

    def fetch(self, keys: Sequence[Key], following: Sequence[Key] = ()) -> list[Fetched]:
        """BODY.PEEK[] of all in as few commands as their UIDs fit into; where that is refused, one by one."""
        came = self._bodies.fetch(list(self._by_uid(keys)), list(self._by_uid(following)))
        found = {uid: body for uid, body in came.bodies.items() if not tells_of_removal(body.raw)}
        if len(found) < len(came.bodies):
            self.noop()  # only now is the session told what it has lost, and what it lists is right
        lacking = {key.uid for key in keys} - found.keys()  # some servers refuse what is not there, most are silent
        listed = imap_listing.present(self._dialogue, lacking)
        return [
            _fetched(key, found.get(key.uid), came.refused.get(key.uid), is_listed=key.uid in listed) for key in keys
        ]

    def arrived(self, keys: Sequence[Key]) -> list[Fetched]:
        """What of these had come when `fetch` lost the connection."""
        found = self._bodies.arrived(list(self._by_uid(keys)))
        given = [_fetched(key, found[key.uid], None) for key in keys if key.uid in found]
        return [one for one in given if one.raw is not None and not tells_of_removal(one.raw)]

    def header(self, key: Key) -> bytes | None:
        """The fields that tell what a message is about, without reading it; `None` if the server does not give them."""
        (uid,) = self._by_uid([key])
        wanted = b"(UID BODY.PEEK[HEADER.FIELDS (FROM SENDER TO SUBJECT DATE MESSAGE-ID)])"
        answer = self._dialogue.command(b"UID FETCH", str(uid).encode(), wanted, phase="fetch")
        return imap_fetch.understood(self._dialogue, imap_fetch.headers, answer).get(uid)

    def mark_seen(self, keys: Sequence[Key]) -> None:
        """Set \\Seen."""
        self._require_writable()
        store(self._dialogue, self._by_uid(keys), b"(\\Seen)")

    def delete(self, keys: Sequence[Key]) -> Removal:
        """UID EXPUNGE of exactly these; on Gmail a move to \\Trash."""
        if self.deletes_into_trash:
            trash = self._trash()
            if trash != self._selected.folder:
                return self.move(keys, trash)
        return self._removed(keys, lambda uids: expunge(self._dialogue, uids))

    def move(self, keys: Sequence[Key], target: str) -> Removal:
        """MOVE (RFC 6851), else COPY and delete."""
        if target == self._selected.folder:
            raise Misuse(f"Messages cannot be moved from {target!r} into {target!r}.")
        return self._removed(keys, lambda uids: copy_or_move(self._dialogue, uids, target))

    def folders(self) -> list[Folder]:
        """All folders, with their special uses (RFC 6154) where the server tells them."""
        answer = self._dialogue.command(b"LIST", b'""', b'"*"', phase="folders")
        return parse_list(answer.untagged)

    def status(self, folder: str, *, seconds: float | None = None) -> FolderStatus:
        """Whether there is anything to do, without selecting the folder."""
        # Not HIGHESTMODSEQ: asking for it has the server tell MODSEQ with all that follows (RFC 7162 §3.1).
        items = b"(MESSAGES UIDNEXT UIDVALIDITY)"
        answer = self._dialogue.command(b"STATUS", folder_name(folder), items, phase="folder", seconds=seconds)
        values = status_values(answer.untagged)
        return FolderStatus(*(values.get(name, 0) for name in ("MESSAGES", "UIDNEXT", "UIDVALIDITY")))

    def name_for(self, folder: str) -> str:
        """What a folder that is not there would have to be called to be made there; empty: it is there, or may be."""
        return name_to_make(self._dialogue, folder)

    def oldest(self) -> datetime | None:
        """When the oldest message of the selected folder came; None if it is empty or the server does not tell."""
        if not self._selected.exists:
            return None
        first = self._dates(b"FETCH", b"1")
        if not first:
            return None
        # What was moved or copied here keeps its date, so that an older message may stand behind a newer one.
        earlier = self._dialogue.search(b"BEFORE " + _day(first[0].date()))
        later_sets = sequence_sets(sorted(earlier)[:_MOST_DATES])
        return min([*first, *(each for uids in later_sets for each in self._dates(b"UID FETCH", uids))])

    def _dates(self, verb: bytes, messages: bytes) -> list[datetime]:
        answer = self._dialogue.command(verb, messages, b"(UID INTERNALDATE)", phase="count")
        found = imap_fetch.understood(self._dialogue, imap_fetch.bodies, answer).values()
        return [body.date for body in found if body.date is not None]

    def idle(self) -> Idling:
        """From here on the connection only waits for new mail in the selected folder; nothing else is asked of it.

        Raises:
            NotOffered: the server does not know IDLE.
        """
        self._require(self._selected.folder)
        self._dialogue.settle()
        if not self._dialogue.offers("IDLE"):
            raise NotOffered("The server does not offer IDLE.", host=self._dialogue.wire.place, phase="idle")
        return Idling(self._dialogue.wire, self._selected.exists)

    def unselect(self) -> bool:
        """Leave the selected folder without removing anything from it; false if the server has no way to."""
        if self._selected.folder:
            if self._dialogue.offers("UNSELECT"):
                self._dialogue.command(b"UNSELECT", phase="folder")
            elif not self._writable:
                # CLOSE removes nothing from a folder that was opened by EXAMINE (RFC 3501 §6.4.2).
                self._dialogue.command(b"CLOSE", phase="folder")
            else:
                return False
            self._selected = Selected("", 0, 0, 0)
        return True

    def noop(self, *, seconds: float | None = None) -> None:
        """NOOP: fails if the connection is dead."""
        self._dialogue.command(b"NOOP", phase="noop", seconds=seconds)

    def close(self) -> tuple[Key, ...]:
        """LOGOUT. Never CLOSE, which would remove whatever anyone has marked \\Deleted."""
        if self.is_usable:
            with contextlib.suppress(WireError):
                self._dialogue.log_out()
        self.drop()
        return ()

    def drop(self) -> None:
        """Abandon the connection without a word; may be called from another thread."""
        self._dialogue.wire.close()

    def _removed(self, keys: Sequence[Key], remove: Callable[[Sequence[int]], Removed]) -> Removal:
        self._require_writable()
        mine = [key for key in keys if self._is_mine(key)]
        note = "" if len(mine) == len(keys) else "The folder was made anew (UIDVALIDITY changed): nothing was removed."
        by_uid = self._by_uid(mine)
        removed = remove(list(by_uid)) if by_uid else Removed(frozenset())
        done = tuple(key for key in mine if key.uid not in removed.still)
        gone = frozenset(done)
        return Removal(done, tuple(key for key in keys if key not in gone), removed.note or note)

    def _trash(self) -> str:
        for folder in self.folders():
            if "\\TRASH" in folder.attributes:
                return folder.name
        raise NotOffered(
            'Gmail deletes by moving to its Trash, which is not shown to IMAP: turn on "Show in IMAP" for it.',
            host=self._dialogue.wire.place,
            phase="delete",
        )

    def _read_selected(self, folder: str, answer: Answer) -> Selected:
        counts = (re.match(rb"(\d{1,10}) ", line) for line in answer.lines(suffix=b" EXISTS"))
        exists = [int(count[1]) for count in counts if count]
        codes = b"\n".join(answer.lines(prefix=b"OK ["))
        uidvalidity = _number(rb"\[UIDVALIDITY (\d{1,18})\]", codes)
        if not uidvalidity or not exists:
            self._dialogue.wire.violation("The server does not tell what it selected (EXISTS, UIDVALIDITY).")
        return Selected(folder, uidvalidity, _number(rb"\[UIDNEXT (\d{1,10})\]", codes), exists[-1])

    def _by_uid(self, keys: Iterable[Key]) -> dict[int, Key]:
        for key in keys:
            self._require(key.folder)
        return {key.uid: key for key in keys}

    def _is_mine(self, key: Key) -> bool:
        return key.folder == self._selected.folder and key.uidvalidity == self._selected.uidvalidity

    def _require(self, folder: str) -> None:
        if folder != self._selected.folder or not folder:
            raise Misuse(f"{folder!r} is not the selected folder ({self._selected.folder!r}).")

    def _require_writable(self) -> None:
        if not self._writable:
            raise Misuse(f"The folder {self._selected.folder!r} was opened for reading only.")
        if self._is_read_only:
            raise NotOffered(
                f"The server lets nothing be changed in {self._selected.folder!r} (READ-ONLY).",
                host=self._dialogue.wire.place,
                phase="delete",
            )


def _fetched(key: Key, body: imap_fetch.Body | None, refused: str | None, *, is_listed: bool = False) -> Fetched:
    if refused is not None and is_listed:
        return Fetched(key, None, 0, None, Missing.REFUSED, refused)
    if body is None:
        return Fetched(key, None, 0, None, Missing.NIL if is_listed else Missing.GONE)
    if body.raw is None:
        return Fetched(key, None, body.size, body.date, Missing.NIL)
    if not body.raw and body.size:
        return Fetched(key, None, body.size, body.date, Missing.EMPTY)
    if instead := words_in_its_place(body.raw):
        return Fetched(key, None, body.size, body.date, Missing.WITHHELD, instead)
    return Fetched(key, body.raw, body.size, body.date)


def _day(day: date) -> bytes:
    return f"{day.day}-{_MONTHS[day.month - 1]}-{day.year}".encode()


def _number(pattern: bytes, text: bytes) -> int:
    found = re.search(pattern, text, re.IGNORECASE)
    return int(found.group(1)) if found else 0
