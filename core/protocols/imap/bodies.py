"""Reading whole messages by IMAP: asked for one batch ahead, and one by one where the server refuses a batch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from core.errors import WireError
from core.protocols.imap import fetch as imap_fetch
from core.protocols.imap.answer import Asked, Limits
from core.protocols.imap.dialogue import ImapDialogue
from core.protocols.imap.fetch import Body
from core.protocols.imap.text import sequence_sets

_ITEMS = b"(UID RFC822.SIZE INTERNALDATE BODY.PEEK[])"
_OVERHEAD = 4096
"""Octets of a FETCH response besides the message, generously."""


class Came(NamedTuple):
    """What came of messages that were asked for, by UID; what is in neither was not there."""

    bodies: dict[int, Body]
    refused: dict[int, str]
    """The server's words about those it would not give."""


@dataclass(frozen=True)
class _Ahead:
    """A batch that the server was asked for before it is wanted."""

    uids: tuple[int, ...]
    asked: Asked


class Bodies:
    """The messages of the selected folder, read in batches.

    While one batch is on its way or being looked at, the server has been asked for the next: over a line that takes
    40 ms there and back, ten thousand messages come in two thirds of the time.
    """

    def __init__(self, dialogue: ImapDialogue) -> None:
        self._dialogue = dialogue
        self._announced: dict[int, int] = {}
        self._ahead: _Ahead | None = None
        self._early: dict[int, Body] = {}
        self._heard: Asked | None = None
        """What is being answered, or could not be understood."""

    def forget(self) -> None:
        """Another folder is being selected: what was announced or asked for here is of no more use."""
        self._announced, self._ahead, self._early, self._heard = {}, None, {}, None

    def announce(self, sizes: Mapping[int, int]) -> None:
        """How large the server says that messages are, by UID: what is read of them is bounded by it."""
        self._announced.update(sizes)

    def fetch(self, uids: Sequence[int], following: Sequence[int]) -> Came:
        """Read these; the server is asked for `following` too.

        Raises:
            WireError: the server gives nothing, or is lost.
        """
        if not uids:
            return Came({}, {})
        try:
            came = Came(self._batch(tuple(uids), tuple(following)), {})
        except WireError as error:
            if not self._is_refusal(error):
                raise
            # One message that the server cannot give must not hide the others (RFC 3501 §6.4.5, "NO - fetch error").
            came = self._one_by_one(uids, error)
        for uid in uids:
            self._announced.pop(uid, None)
        return came

    def arrived(self, uids: Sequence[int]) -> dict[int, Body]:
        """Which of these had come when the connection was lost: a literal that is not whole is no part of an answer."""
        heard = self._heard.answer.untagged if self._heard is not None else []
        found = self._early | imap_fetch.bodies_up_to_nonsense(heard)
        return {uid: found[uid] for uid in uids if uid in found}

    def _batch(self, uids: tuple[int, ...], following: tuple[int, ...]) -> dict[int, Body]:
        if self._ahead is not None and self._ahead.uids == uids:
            asked, self._ahead = self._ahead.asked, None
        else:
            *before, last = sequence_sets(uids)
            for part in before:
                self._take(self._ask(part, uids), uids)
            asked = self._ask(last, uids)
        if following:
            self._ask_ahead(following)
        self._take(asked, uids)
        return {uid: self._early.pop(uid) for uid in uids if uid in self._early}

    def _ask(self, part: bytes, uids: Sequence[int]) -> Asked:
        caps, timeouts = self._dialogue.caps, self._dialogue.timeouts
        expected = [caps.expected(self._announced.get(uid, caps.message)) for uid in uids]
        announced = sum(self._announced.get(uid, 0) for uid in uids)
        budget = sum(expected) + _OVERHEAD * (len(expected) + 1)
        limits = Limits(timeouts.transfer(announced), budget, literal=max(expected))
        return self._dialogue.ask(b"UID FETCH", part, _ITEMS, phase="fetch", limits=limits)

    def _ask_ahead(self, uids: tuple[int, ...]) -> None:
        part, *more = sequence_sets(uids)
        if not more:
            self._ahead = _Ahead(uids, self._ask(part, uids))

    def _take(self, asked: Asked, uids: Sequence[int]) -> None:
        """Take in an answer; bodies of the next batch may be among it, since servers may work on both at a time."""
        self._heard = asked
        answer = self._dialogue.take(asked)
        found = imap_fetch.understood(self._dialogue, imap_fetch.bodies, answer)
        self._heard = None
        wanted = {*uids, *(self._ahead.uids if self._ahead is not None else ())}
        self._early = {uid: body for uid, body in (self._early | found).items() if uid in wanted}

    def _one_by_one(self, uids: Sequence[int], refusal: WireError) -> Came:
        found: dict[int, Body] = {}
        refused: dict[int, str] = {}
        for uid in uids:
            try:
                found.update(self._batch((uid,), ()))
            except WireError as error:
                if not self._is_refusal(error):
                    raise
                refused[uid] = error.reply
        if not found and not self._reads_another(refused):
            raise refusal  # whatever it is asked for: that is the server's trouble, and no message is to blame
        return Came(found, refused)

    def _reads_another(self, refused: Collection[int]) -> bool:
        """Whether the server can read a message that is none of these: the first or the last of the folder."""
        for number in (b"1", b"*"):
            try:
                answer = self._dialogue.command(
                    b"FETCH", number, b"(UID BODY.PEEK[HEADER.FIELDS (DATE)])", phase="fetch"
                )
            except WireError as error:
                if not self._is_refusal(error):
                    raise
                continue
            if imap_fetch.understood(self._dialogue, imap_fetch.bodies, answer).keys() - set(refused):
                return True
        return False

    def _is_refusal(self, error: WireError) -> bool:
        """Whether a command was refused and nothing more: no peace asked for, the connection as it was."""
        return type(error) is WireError and not self._dialogue.wire.broken
