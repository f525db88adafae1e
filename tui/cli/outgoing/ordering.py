"""Orders to rows by their ids, or to all of them: retry, cancel, hold, release."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.errors import Misuse, NotFound
from core.handles import Handles
from core.services.actor import Actor
from core.text import counted
from tui.cli.opened import opened
from tui.cli.told.output import say, write_json
from tui.cli.words.identifiers import read_ids
from tui.cli.words.options import Invocation


@dataclass(frozen=True)
class Ordered:
    """What is ordered about, in words."""

    kind: str
    one: str
    several: str
    every: str
    """What `--all` means, as the sentence that asks for ids says it."""


def order_rows(
    invocation: Invocation,
    ordered: Ordered,
    order: Callable[[Handles, Actor, Sequence[int] | None], int],
    done: str,
    ids: Sequence[str] | None,
    *,
    every: bool,
) -> None:
    """Give an order, and say to how many rows it could be done.

    Raises:
        Misuse: neither ids nor `--all` were given, or both.
        NotFound: it could not be done to all of those named.
    """
    if every == bool(ids):
        raise Misuse(f"Name the {ordered.several} by ID, or {ordered.every} with --all.")
    chosen = None if every else read_ids(ids or (), ordered.kind)
    with opened(invocation) as (handles, actor):
        count = order(handles, actor, chosen)
    if chosen and not count:
        raise NotFound(f"None of these {ordered.several} can be {done}. To see them: postroom list {ordered.kind}")
    if invocation.json:
        write_json({"event": "done", ordered.several: count})
    else:
        say(invocation, f"{counted(count, ordered.one, ordered.several)} {done}.")
    if chosen and (left := len(set(chosen)) - count):
        raise NotFound(f"{left} of these {ordered.several} cannot be {done}. To see them: postroom list {ordered.kind}")
