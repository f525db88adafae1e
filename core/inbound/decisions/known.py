"""What the fold over a batch knows: facts loaded once, and what the batch has decided so far."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from core.inbound.decisions.placement import Ending, KnownRecord, Placement


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that we sent: bounces of it are ours."""

    ids: tuple[int, ...]
    """Its rows in the outbox; several when it was put in more than once under one Message-ID."""
    message_id: str
    number: str | None = None
    """The record that it answers, if any."""


class Same(NamedTuple):
    """What two copies of a message have in common."""

    sha256: str
    message_id: str


class Copy(NamedTuple):
    """Where a message lies already."""

    folder: str
    number: str
    """Of the record that it is on."""


class Known:
    """The database as far as a batch asks for it, growing with each placement, so that mail 2 may answer mail 1."""

    def __init__(
        self,
        records: Iterable[KnownRecord] = (),
        message_ids: Mapping[str, str] | None = None,
        recorded_at: Mapping[str, Sequence[datetime]] | None = None,
        outgoing: Iterable[Sent] = (),
        copies: Mapping[Same, Copy] | None = None,
        *,
        of_others: Iterable[str] = (),
    ) -> None:
        self.records = {record.number: record for record in records}
        """By number: all that a candidate, Message-ID or copy leads to."""
        self.message_ids = dict(message_ids or {})
        """Message-ID to the number of the record that holds the message; of this account first."""
        self._of_others = set(of_others)
        """Message-IDs that lead to another account's message, as long as this account has none."""
        self.recorded_at = {sender: sorted(times) for sender, times in (recorded_at or {}).items()}
        """Lower-case sender to when the messages were received that made his records of this account; for our own
        addresses every message that was recorded. From the earliest message's window on is enough."""
        self._sent = {name: sent for sent in outgoing for name in (*sent.ids, sent.message_id)}
        self.copies = dict(copies or {})
        """Of this account's recorded messages."""

    def sent(self, returned_id: int | None, message_id: str) -> Sent | None:
        """What we sent that a report is about, by the token it came to, else by the Message-ID it quotes."""
        by_token = self._sent.get(returned_id) if returned_id is not None else None
        return by_token or (self._sent.get(message_id) if message_id else None)

    def copy_in_another_folder(self, sha256: str, message_id: str, folder: str) -> Copy | None:
        """The same bytes under the same Message-ID in another folder of the account."""
        if not sha256 or not message_id:
            return None
        found = self.copies.get(Same(sha256, message_id))
        return found if found is not None and found.folder != folder and found.number in self.records else None

    def note(self, placement: Placement, number: str | None = None) -> None:
        """Take in what a placement will have written; `number` is the one that its new record was given."""
        if placement.ending is not Ending.RECORDED:
            return
        verdict, facts = placement.verdict, placement.verdict.facts
        if placement.record is not None:
            number = placement.record.number
            self._change(number, placement)
        elif number is not None and placement.draft is not None and placement.queue is not None:
            self.records[number] = KnownRecord(
                number, placement.queue, placement.draft.state, type=placement.draft.type
            )
        else:
            raise ValueError("A new record needs the number that it was given.")
        self._add_message(number, facts.summary.message_id, facts.sha256, facts.folder)
        # A person may answer as often as he likes; what we send to ourselves counts, whatever it becomes.
        if not placement.is_copy and (placement.draft is not None or verdict.own is not None):
            insort(self.recorded_at.setdefault(verdict.sender, []), facts.received_at)

    def _change(self, number: str, placement: Placement) -> None:
        changes, record = placement.changes, self.records[number]
        if changes.queue or changes.state:
            self.records[number] = replace(
                record, queue=changes.queue or record.queue, state=changes.state or record.state
            )

    def _add_message(self, number: str, message_id: str, sha256: str, folder: str) -> None:
        # The first message of an id keeps it within an account: ids are easily forged.
        if message_id:
            if message_id in self._of_others:
                self._of_others.remove(message_id)
                self.message_ids[message_id] = number
            self.message_ids.setdefault(message_id, number)
            if sha256:
                self.copies.setdefault(Same(sha256, message_id), Copy(folder, number))
