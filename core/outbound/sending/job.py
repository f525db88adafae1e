"""One message on its way through a round: which mailboxes are left to try, what has come of it so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from core.db.leases import Lease
from core.models import OutgoingState
from core.outbound.decisions.compose import Composed
from core.outbound.decisions.pick import Hop
from core.outbox.due import Due, PendingRecipient
from core.outbox.settle import RecipientResult, Settlement, TryMade


@dataclass(slots=True)
class Job:
    """A message that was taken, in the hands of one thread at a time."""

    due: Due
    lease: Lease
    hops: tuple[Hop, ...]
    replace_from: bool = False
    position: int = 0
    """The hop that is next or in hand."""
    results: dict[int, RecipientResult] = field(default_factory=dict)
    """What came of its recipients in this round, by their rows."""
    tries: list[TryMade] = field(default_factory=list)
    """Not yet written."""
    written: set[int] = field(default_factory=set)
    """The recipients whose results are written already."""
    bcc: dict[str, RecipientResult] = field(default_factory=dict)
    """What came of Bcc recipients that have no row; not yet written."""
    bcc_done: set[str] = field(default_factory=set)
    """The Bcc addresses, in lower case, that had their answer in this round."""
    error: str = ""
    """Why the last mailbox could not send it."""
    sent_by_id: int | None = None
    """The mailbox that tried last."""
    too_large_for: dict[str, int] = field(default_factory=dict)
    """The mailboxes that take no message of this size, and the most they take, if that is known."""
    is_only_too_large: bool = True
    """Whether nothing but its size has kept it from leaving in this round."""
    sender_refused: dict[int, RecipientResult] = field(default_factory=dict)
    """What was said, for good, by the mailboxes that may not send for its sender."""
    unnamed: dict[int, set[int]] = field(default_factory=dict)
    """The recipients that only SMTPUTF8 could name, by the mailboxes whose relays do not offer it."""
    may_come: bool = False
    """Whether a mailbox that cannot send now, and may send it later, was passed over."""
    in_hand: Sequence[PendingRecipient] = ()
    """The recipients of the transaction that is next."""
    is_in_parts: bool = False
    """Whether it is, or was in this round, handed over to some of its recipients while others waited."""
    composed: Composed | None = None
    """What is handed over, where a script made that before it was marked."""

    @property
    def number(self) -> int:
        """The round's number."""
        return self.due.attempts + 1

    @property
    def mailbox_id(self) -> int | None:
        """Whose it is now; `None` when all were tried."""
        return self.hops[self.position].mailbox if self.position < len(self.hops) else None

    @property
    def is_sent_to_all(self) -> bool:
        """Whether a relay took it for every recipient it has, Bcc ones not asked for: as it is with nearly all."""
        recipients, results = self.due.recipients, self.results
        return (
            len(results) == len(recipients)
            and not self.bcc
            and all(result.state is OutgoingState.SENT for result in results.values())
        )

    @property
    def is_in_hand_whole(self) -> bool:
        """Whether all its recipients are in hand, and nothing came of any before."""
        return len(self.in_hand) == len(self.due.recipients) and not self.results

    @property
    def unanswered(self) -> list[PendingRecipient]:
        """The recipients without a result in this round."""
        results = self.results
        return [one for one in self.due.pending if one.id not in results] if results else list(self.due.pending)

    @property
    def nameable(self) -> list[PendingRecipient]:
        """Of those without a result the ones that the relay of its mailbox can name, as far as is known."""
        unnamed = self.unnamed.get(self.mailbox_id or 0) if self.unnamed else None
        return [one for one in self.unanswered if one.id not in unnamed] if unnamed else self.unanswered

    def bcc_of(self, addresses: tuple[str, ...]) -> tuple[str, ...]:
        """Those of a mailbox's Bcc addresses that have not had this message."""
        if not addresses:
            return ()
        known = {one.address.lower() for one in self.due.recipients if not one.is_bcc or one.state == "sent"}
        return tuple(one for one in addresses if one.lower() not in known and one.lower() not in self.bcc_done)

    @property
    def part(self) -> tuple[int, int] | None:
        """The first and the last row in hand, of a message that goes in parts."""
        return (self.in_hand[0].id, self.in_hand[-1].id) if self.is_in_parts and self.in_hand else None

    def take_in_hand(self, most: int) -> None:
        """Choose whom it goes to next: of those without an answer at most so many; 0: all."""
        left = self.nameable
        self.in_hand = left[:most] if most else left
        self.is_in_parts = self.is_in_parts or len(self.in_hand) < len(self.due.pending)
        self.composed = None

    def settlement(self) -> Settlement:
        """What is to be written now; the next one holds only what is new by then."""
        new = {key: result for key, result in self.results.items() if key not in self.written}
        self.written |= new.keys()
        without_row: dict[str, RecipientResult] = {}
        if self.bcc:
            rows = {one.address.lower(): one.id for one in self.due.recipients if one.is_bcc}
            new |= {rows[address.lower()]: result for address, result in self.bcc.items() if address.lower() in rows}
            without_row = {address: result for address, result in self.bcc.items() if address.lower() not in rows}
        written = Settlement(self.lease, self.tries, new, without_row)
        self.tries, self.bcc = [], {}
        return written
