"""`postroom list`, `show` and `raw`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

from typer import Argument, Context, Option

from core.errors import Misuse
from core.handles import Handles
from core.resources.catalogue import kind_named
from core.resources.json_rows import as_json
from core.resources.kind import Kind
from core.resources.outbox import OUTBOX
from core.resources.system import ALERT
from core.services import messages
from core.services.actor import Actor
from core.services.lists.paging import cursor_of
from core.services.lists.search import Page, matching
from core.services.looking.attention import notice_unattended
from core.services.looking.details import show as shown
from tui.cli.opened import opened
from tui.cli.taking_in import take_in
from tui.cli.told.letters import write_letters
from tui.cli.told.output import say, write_as_it_is, write_json, write_table
from tui.cli.told.row_cells import shown_cells, table_columns
from tui.cli.told.whole import write_whole
from tui.cli.words.listing import Listing, read_listing
from tui.cli.words.options import Invocation
from tui.empty_filter import why_nothing

_PAGE = 1000


def list_rows(ctx: Context) -> None:
    """List KIND, newest first, what is configured by name: what FILTER matches (word, -word, column:word, time:day).

    KIND: template mailbox account profile queue address filter handoff delivery record message outbox quarantine
    suppression run event alert audit worker setting. --limit N (1000; 0 = all), --after ID (go on behind that row),
    --oldest-first.
    """
    invocation: Invocation = ctx.obj
    if "--help" in ctx.args:
        sys.stdout.write(ctx.get_help() + "\n")
        return
    listing = read_listing(ctx.args)
    kind = kind_named(listing.kind)
    with opened(invocation) as (handles, actor):
        if kind is OUTBOX:
            take_in(invocation, handles)
        if kind is ALERT:
            notice_unattended(handles)
        pages = _pages(handles, actor, kind, listing)
        last = _write_json(kind, pages) if invocation.json else _write_table(kind, pages)
    if last is not None and not last.rows and (none := why_nothing(kind, listing.filter_text)):
        say(invocation, none)
    if last is not None and last.has_more:
        say(invocation, f"There are more. Go on with --after {cursor_of(kind, last.rows[-1])}, or --limit 0 for all.")


def show(
    ctx: Context,
    kind: Annotated[str, Argument(metavar="KIND")],
    name: Annotated[str, Argument(metavar="NAME|ID")],
) -> None:
    """Show one thing, whole."""
    invocation: Invocation = ctx.obj
    described = kind_named(kind)
    with opened(invocation) as (handles, actor):
        if described is OUTBOX:
            take_in(invocation, handles)
        whole = shown(handles, actor, described, name)
        if invocation.json:
            write_json(whole)
        else:
            write_whole(described, whole)
            write_letters(handles, actor, described, whole)


def raw(
    ctx: Context,
    message: Annotated[str, Argument(metavar="ID")],
    original: Annotated[bool, Option("--original", help="As it came, though it was edited in quarantine.")] = False,
    outbox: Annotated[bool, Option("--outbox", help="Of a message of the outbox, as it was handed in.")] = False,
) -> None:
    """Write a stored message's exact bytes to stdout; on a terminal, without what would command it."""
    if not message.isdecimal() or len(message) > 18:
        kind = "outbox" if outbox else "message"
        raise Misuse(f"raw needs the id of a message, a number, not {message!r}. To see them: postroom list {kind}")
    if outbox and original:
        raise Misuse("--original is for messages that came in: only those are edited.")
    with opened(ctx.obj) as (handles, actor):
        if outbox:
            take_in(ctx.obj, handles)
            data = messages.outgoing_raw(handles, actor, int(message))
        else:
            data = messages.raw(handles, actor, int(message), is_original=original)
    write_as_it_is(data)


def _pages(handles: Handles, actor: Actor, kind: Kind, listing: Listing) -> Iterator[Page]:
    """Page after page; a list without limit is not held in memory."""
    after, is_endless = listing.after, listing.limit == 0
    limit = _PAGE if is_endless else listing.limit
    while True:
        newest_first = False if listing.is_oldest_first else None
        page = matching(handles, actor, kind, listing.filter_text, limit=limit, after=after, newest_first=newest_first)
        yield replace(page, has_more=page.has_more and not is_endless)
        if not (is_endless and page.has_more):
            return
        after = str(cursor_of(kind, page.rows[-1]))


def _write_json(kind: Kind, pages: Iterator[Page]) -> Page | None:
    last = None
    for last in pages:
        for row in last.rows:
            write_json(as_json(kind, row))
    return last


def _write_table(kind: Kind, pages: Iterator[Page]) -> Page | None:
    """A table a page: what is not seen yet cannot decide the widths."""
    columns, last = table_columns(kind), None
    for number, last in enumerate(pages):
        write_table(columns, [shown_cells(kind, row) for row in last.rows], heading=number == 0)
    return last
