"""One folder of one run: its backlog, read and taken in batch by batch, then acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from core import clock
from core.errors import FaultOfOurs
from core.failpoints import fp
from core.inbound import marks
from core.inbound.batch.intake import Intake
from core.inbound.decisions.judging import Judged
from core.inbound.marks import Pending
from core.inbound.nameless import is_made_up, is_nameless
from core.inbound.noted import Noted
from core.inbound.run import careful
from core.inbound.run.given_again import are_numbers_given_again, begin_anew, have_all_other_names
from core.inbound.run.suspects import acquit, acquit_all, suspects_among
from core.inbound.run.too_large import describe_too_large
from core.inbound.server.acknowledge import Acknowledger
from core.inbound.server.backlog import Backlog
from core.inbound.server.copied import told_apart
from core.inbound.server.reading import Bulk, read_ahead
from core.inbound.server.visit import Visit
from core.models import FolderMark
from core.protocols.source import Fetched, Key, Listing, Selected
from core.runlog import Counts
from core.text import counted


@dataclass
class FolderPass:
    """The pass over one folder (POP3: the maildrop, folder "")."""

    visit: Visit
    intake: Intake
    acknowledger: Acknowledger
    folder: str
    noted: Noted
    wants_stop: Callable[[], bool]
    settled: list[FolderMark]
    """The marks of folders that are settled whole; they become durable with the end of the run."""

    has_more: bool = False
    """Whether messages were left for the next run because of the limit."""

    def run(self, limit: int) -> int:
        """Take in at most `limit` new messages; gives back how many it handled."""
        selected = self._selected()
        fp("K1")
        if are_numbers_given_again(self.visit, selected, self.noted):
            settled = self.noted.mark.uid_settled if self.noted.mark is not None else 0
            self.visit.log.numbers_given_again(self.folder, settled, selected.uidnext)
            return self._begin_anew()
        backlog = Backlog(self.visit, self.folder, self.noted)
        mark = backlog.current_mark(selected)
        listing = backlog.listed(selected, mark)
        self._acknowledge_stored(selected, listing)
        again = backlog.again(mark, listing)
        new = backlog.new(mark, listing, again)
        if have_all_other_names(self.visit, self.noted, listing, new):
            self.visit.log.all_names_changed(len(new))
            return self._begin_anew()
        self._tell_found(selected, len(new) + len(again))
        due = new[:limit]
        self.has_more = len(due) < len(new)
        self._take_all(again, due, mark)
        if self._is_whole():
            self._settle_mark(selected, mark, new)
            self._settle_renumbered(mark)
            if self.noted.suspects:
                acquit_all(self.visit.handles, self.visit.account, self.folder)
        return len(due)

    def _selected(self) -> Selected:
        writable = marks.is_server_told(self.visit.account) or bool(self.noted.pending)
        return self.visit.connection.ask(self.visit.source.select, self.folder, writable=writable)

    def _tell_found(self, selected: Selected, wanted: int) -> None:
        log = self.visit.log
        log.selected(self.folder, selected.exists, selected.uidvalidity, wanted)
        log.counts += Counts(skipped=max(0, selected.exists - wanted))
        log.flush()

    def _take_all(self, again: Sequence[Key], due: Sequence[Key], mark: FolderMark) -> None:
        """First what a dead run had in hand, then what is worth another try, then what is new."""
        too_large_before = self.visit.log.counts.too_large
        suspects = suspects_among(self.visit.handles, self.visit.claimed, [*again, *due], self.noted.suspects)
        self._take_carefully(suspects, mark)
        # Where the connection broke again and again, comes last: it must not keep the others from coming.
        at_risk = self.noted.risky
        risky = [key for key in again if key in at_risk]
        self._take(_without(again, [*suspects, *risky]), mark, moves_mark=False)
        self._take(_without(due, suspects), mark, moves_mark=True)
        if self._is_whole():
            self._take(_without(risky, suspects), mark, moves_mark=False)
        if self.visit.log.counts.too_large > too_large_before:
            describe_too_large(self.visit, self.folder)

    def _is_whole(self) -> bool:
        """Whether nothing of the folder is left for the next run."""
        return not self.has_more and not self.wants_stop()

    def _begin_anew(self) -> int:
        """Nothing more by these names: the next run, which follows at once, knows the folder anew."""
        begin_anew(self.visit)
        self.has_more = True
        return 0

    def _take_carefully(self, suspects: Sequence[Key], mark: FolderMark) -> None:
        """What a dead run had in hand, one message at a time, in a process of its own."""
        if not suspects:
            return
        self.visit.log.took_over(len(suspects))
        taken = careful.take_suspects(self.visit, suspects, name=self.intake.names.of_bytes)
        self.acknowledger.acknowledge(taken.pending)
        for unparsed in taken.deadly:
            self.acknowledger.acknowledge(self.intake.quarantine(unparsed, mark))
            acquit(self.visit.handles, self.visit.account, unparsed.server_key)
        self.acknowledger.collect()
        if taken.stopped_by:
            raise FaultOfOurs(taken.stopped_by)
        self._take(taken.others, mark, moves_mark=False)

    def _take(self, keys: Sequence[Key], mark: FolderMark, *, moves_mark: bool) -> None:
        max_size, is_impatient = self.visit.account.max_size, self.acknowledger.is_impatient
        of_other_size = 0
        for bulk in read_ahead(self.visit.connection, keys, max_size, self._judge, is_impatient):
            if bulk.cut_off is not None:
                self._take_what_came(bulk, mark)
                raise bulk.cut_off
            self.acknowledger.acknowledge(self.intake.take_in(bulk, mark, moves_mark=moves_mark))
            self._forget_cut_off(bulk)
            of_other_size += bulk.of_other_size
            if self.wants_stop():
                break
        if of_other_size:
            self.visit.log.of_other_size(of_other_size)
        self.acknowledger.collect()

    def _judge(self, fetched: Fetched) -> Judged:
        with self.visit.connection.watch:
            return self.intake.judge(fetched)

    def _take_what_came(self, bulk: Bulk, mark: FolderMark) -> None:
        """Store what came whole before the connection broke; the next run tells the server of it.

        The message at which it broke is noted: the second time it is asked for last from then on, the third time it is
        given up, but only if others came; else not this message is to blame but the connection.
        """
        others_came = bool(bulk.judged) or self.visit.log.counts.fetched > 0
        is_next_in_turn = not self.noted.risky & {one.key for one in bulk.missing}
        noted = bulk if others_came or is_next_in_turn else replace(bulk, missing=())
        if noted.judged or noted.missing:
            self.intake.take_in(noted, mark, moves_mark=False)

    def _forget_cut_off(self, bulk: Bulk) -> None:
        """At these the connection broke before; now they came, so it was chance."""
        came = self.noted.cut_off & {one.server_key for one in bulk.judged}
        if came:
            account, keys = self.visit.account, list(came)
            self.visit.handles.database.writing(lambda session: marks.forget_leftovers(session, account, keys))

    def _acknowledge_stored(self, selected: Selected, listing: Listing) -> None:
        """What an earlier run stored and could not tell the server; recognised, never fetched again."""
        current = [one for one in self.noted.pending if one.key.uidvalidity == selected.uidvalidity]
        if self.folder == "":
            listed, named = set(listing.uidls), {key.uidl for key in listing.keys if not is_nameless(key)}
            gone = [one for one in current if one.key.uidl not in listed and not is_made_up(one.key)]
            current = [one for one in current if one.key.uidl in named]
            self._note_gone(gone)
        self.acknowledger.acknowledge(told_apart(self.visit, self.folder, current))
        self.acknowledger.collect()

    def _note_gone(self, gone: Sequence[Pending]) -> None:
        if gone:
            ids, now = [one.id for one in gone], clock.utcnow()
            self.visit.handles.database.writing(lambda session: marks.note_acknowledged(session, ids, now))
            self.visit.log.complaint(_told_gone(len(gone)))

    def _settle_mark(self, selected: Selected, mark: FolderMark, new: Sequence[Key]) -> None:
        """The whole folder is settled: note where it ends, so that the next run sees at once that nothing changed."""
        last = max([mark.uid_settled, selected.uidnext - 1, *(key.uid for key in new[-1:])])
        mark.uid_settled = last if selected.uidvalidity else 0
        mark.uid_next, mark.messages = selected.uidnext, max(selected.exists, 1)
        if not selected.uidnext:
            # Everything that was there is matched: what comes from now on is new, though it be equal.
            mark.match_upto = mark.uid_settled
        self.settled.append(mark)

    def _settle_renumbered(self, mark: FolderMark) -> None:
        if all(one.key.uidvalidity == mark.uidvalidity for one in self.noted.pending):
            return
        account, now = self.visit.account, clock.utcnow()
        gone = self.visit.handles.database.writing(
            lambda session: marks.note_renumbered_gone(session, account, mark, now)
        )
        if gone:
            self.visit.log.complaint(_told_gone(gone))


def _told_gone(count: int) -> str:
    return f"{counted(count, 'stored message is', 'stored messages are')} gone from the server already"


def _without(keys: Sequence[Key], others: Sequence[Key]) -> Sequence[Key]:
    apart = set(others)
    return [key for key in keys if key not in apart] if apart else keys
