"""What one folder holds that is to be fetched: what is new, and what is worth another try."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from core.errors import NotOffered
from core.inbound import marks
from core.inbound.nameless import forget_small_enough, is_made_up, is_nameless
from core.inbound.noted import Noted
from core.inbound.server.visit import Visit
from core.models import AfterFetch, FolderMark
from core.protocols.imap.source import ImapSource
from core.protocols.source import Key, Listing, Selected

FARTHEST_WEST = timedelta(hours=12)
"""A server goes by its own days (RFC 3501 §6.4.4); nobody knows where it stands: it may still be yesterday there."""

EVERY_UID = 2**32
"""No message has a number that is larger (RFC 3501 §2.3.1.1)."""


@dataclass(frozen=True)
class Backlog:
    """What one folder (POP3: the maildrop, folder "") holds that is to be fetched."""

    visit: Visit
    folder: str
    noted: Noted

    def current_mark(self, selected: Selected) -> FolderMark:
        """The mark that holds for the folder as it is numbered now."""
        account = self.visit.account
        mark = self.noted.mark
        if mark is not None and mark.uidvalidity == selected.uidvalidity:
            return mark
        assert account.id is not None
        fresh = FolderMark(
            account_id=account.id, epoch=account.epoch, folder=self.folder, uidvalidity=selected.uidvalidity
        )
        if mark is not None:
            self.visit.log.uidvalidity_changed(self.folder, mark.uidvalidity, selected.uidvalidity)
        if mark is not None or account.epoch > 1:
            fresh.match_upto = selected.uidnext - 1 if selected.uidnext and _is_whole(mark, selected) else EVERY_UID
        if fresh.match_upto or self.visit.claimed.took_over:
            # Durable before the first message: a run that is cut off must go on matching where this one began to.
            self.visit.handles.database.writing(lambda session: marks.write_mark(session, fresh))
        return fresh

    def listed(self, selected: Selected, mark: FolderMark) -> Listing:
        """What the server has above the mark.

        Raises:
            NotOffered: the server names messages so that what is kept there could not be told from new mail.
        """
        source = self.visit.source
        if selected.uidnext and mark.uid_settled >= selected.uidnext - 1:
            return Listing(self.folder, selected.uidvalidity, selected.exists)
        listing = self.visit.connection.ask(source.list_new, self.folder, mark.uid_settled)
        if (not listing.has_uidl or listing.duplicates) and self.visit.account.after_fetch == AfterFetch.KEEP:
            raise NotOffered(
                f"The server of {self.visit.account.name} does not give every message a UIDL of its own, so what is "
                'kept there could not be told from new mail. Set "after fetching" to delete.',
                host=self.visit.account.host,
                phase="list",
            )
        return listing

    def again(self, mark: FolderMark, listing: Listing) -> list[Key]:
        """What was listed before and did not come, or was too large, and is worth another try."""
        if not self.folder:
            return self._again_by_uidl(listing)
        uids = self.noted.due_again(mark.uidvalidity, mark.uid_settled, is_asked=self.visit.claimed.is_asked)
        return [Key(self.folder, mark.uidvalidity, uid, "") for uid in uids if uid]

    def _again_by_uidl(self, listing: Listing) -> list[Key]:
        account = self.visit.account
        left = self.noted.uidls_again(is_asked=self.visit.claimed.is_asked)
        if not left:
            return []
        gone = [Key("", 0, 0, uidl) for uidl in left.keys() - set(listing.uidls)]
        if gone:
            self.visit.handles.database.writing(lambda session: marks.forget_leftovers(session, account, gone))
        return [key for key in listing.keys if left.get(key.uidl) and not is_nameless(key)]

    def new(self, mark: FolderMark, listing: Listing, again: Sequence[Key]) -> list[Key]:
        """What was listed for the first time, in the folder's order; `again` is not among it.

        Raises:
            NotOffered: where to begin, as the account says, cannot be known or kept with this server.
        """
        account = self.visit.account
        known = {(key.uid, key.uidl) for key in again} | self.noted.left_alone(mark.uidvalidity)
        if listing.keys:
            known |= marks.stored_above(self.visit.handles, account, self.folder, mark.uidvalidity, mark.uid_settled)
        new = [key for key in listing.keys if (key.uid, key.uidl) not in known]
        if any(is_made_up(key) for key in self.noted.grown):
            forget_small_enough(self.visit.handles, account)
        if mark.uid_settled or mark.messages or account.start_from == "all" or not new:
            return new
        return self._from_start(account.start_from, new, mark)

    def _from_start(self, start: str, new: list[Key], mark: FolderMark) -> list[Key]:
        """What a first run takes in when it does not begin with the oldest message."""
        account = self.visit.account
        if start == "now" and mark.uidvalidity and mark.match_upto:
            # Numbered anew: what came since the account began and was not fetched yet must not be taken for old.
            start = (account.created_at - FARTHEST_WEST).date().isoformat()
        if any(is_nameless(key) for key in new):
            raise NotOffered(
                f"The server of {account.name} does not give every message a UIDL of its own, so where to begin could "
                'not be kept. Set "start from" to all.',
                host=account.host,
                phase="list",
            )
        wanted = set() if start == "now" else self._since(date.fromisoformat(start))
        # POP3 has no low-water mark, and dates need not grow with UIDs: what is not wanted is noted one by one.
        first = min(wanted, default=2**32) if mark.uidvalidity else -1
        before = [key for key in new if key.uid not in wanted and key.uid > first]
        if before:
            self.visit.handles.database.writing(
                lambda session: marks.leave_alone(session, account, before, marks.BEFORE_START)
            )
        return [key for key in new if key.uid in wanted]

    def _since(self, day: date) -> set[int]:
        source = self.visit.source
        if isinstance(source, ImapSource):
            return self.visit.connection.ask(source.since, day)
        raise NotOffered(
            f'POP3 does not tell when mail came. Set "start from" of {self.visit.account.name} to all or now.',
            host=self.visit.account.host,
            phase="list",
        )


def _is_whole(before: FolderMark | None, selected: Selected) -> bool:
    """Whether a folder that was numbered anew holds what it held before.

    One that holds less may be in the middle of being made anew: the rest is still to appear. So may one that was not
    seen whole when it was numbered anew the last time.
    """
    return before is None or (before.match_upto < EVERY_UID and 0 < before.messages <= selected.exists)
