"""Writes the pages of all couriers: those that wait go into one commit, while the couriers send on.

A commit waits for the disk, however little it holds; one for each window would be nearly all that a pass does. So the
clerk begins when half of the pages are in, the other half being with the couriers; but it waits no longer for a page
than a commit takes, since to write what is there would have been over by then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from core import clock
from core.errors import StoreError
from core.outbound.sending.page import Page

LONGEST_WAIT = 0.05
"""Seconds that pages are waited for at most: what came of a message must not be known to us alone for long."""


class Clerk(threading.Thread):
    """Lives as long as its pass."""

    def __init__(
        self,
        write: Callable[[Sequence[Page]], Callable[[], None]],
        when_written: Callable[[], None],
        fail: Callable[[BaseException], None],
    ) -> None:
        """`write` commits pages and gives back what is still to be done then; `fail` is told what goes wrong there.

        `when_written` is called once pages are done with, before that.
        """
        super().__init__(name="clerk", daemon=True)
        self._write = write
        self._when_written = when_written
        self._fail = fail
        self._waiting: list[Page] = []
        self._with_couriers = 0
        """Pages whose windows are marked and being handed over."""
        self._last_took = 0.0
        """Seconds of the last commit."""
        self._is_closed = False
        self._changed = threading.Condition()

    def hand_in(self, page: Page) -> Page:
        """Have this page written; it says whether that is done."""
        with self._changed:
            if self.ident is None and not self._is_closed:
                self.start()
            self._waiting.append(page)
            self._with_couriers -= page.follows_window
            if len(self._waiting) == 1 or self._is_worth_it():
                self._changed.notify()
        return page

    def run(self) -> None:
        """Write until closed."""
        while pages := self._next_pages():
            began = clock.monotonic()
            self._write_together(pages)
            self._last_took = clock.monotonic() - began

    def close(self) -> None:
        """Write what waits, then stop."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if self.ident is not None:
            self.join()

    def _next_pages(self) -> list[Page]:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            self._changed.wait_for(self._is_worth_it, min(self._last_took, LONGEST_WAIT))
            pages, self._waiting = self._waiting, []
            return pages

    def _is_worth_it(self) -> bool:
        return len(self._waiting) >= self._with_couriers or self._is_closed

    def _write_together(self, pages: Sequence[Page]) -> None:
        afterwards: Callable[[], None] | None = None
        try:
            afterwards = self._write(pages)
        except StoreError as error:
            if error.is_permanent and len(pages) > 1:
                # What the database refuses of one page must not cost the others what they have to say.
                for page in pages:
                    self._write_together([page])
                return
            _give_up(pages, error)
        except BaseException as error:  # noqa: BLE001 - handed to the couriers, who end the pass
            _give_up(pages, error)
        with self._changed:
            self._with_couriers += sum(1 for page in pages if page.next_window and page.error is None)
        for page in pages:
            page.is_done = True
        self._when_written()
        if afterwards is not None:
            try:
                afterwards()
            except BaseException as error:  # noqa: BLE001 - ends the pass, as what a courier meets does
                self._fail(error)


def _give_up(pages: Sequence[Page], error: BaseException) -> None:
    for page in pages:
        page.error = error
