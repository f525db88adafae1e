"""Batches are read ahead, and the server always knows which comes next."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

from core import clock
from core.inbound.decisions.judging import Judged
from core.inbound.server.connection import Connection
from core.inbound.server.reading import BATCH_MESSAGES, SIZES_AT_ONCE, read_ahead
from core.protocols.source import Fetched, Key, Source


class Noting:
    """A source that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Sequence[int], Sequence[int]]] = []

    def sizes(self, keys: Sequence[Key]) -> dict[Key, int]:
        self.asked.append(("sizes", uids(keys), []))
        return dict.fromkeys(keys, 1000)

    def fetch(self, keys: Sequence[Key], following: Sequence[Key] = ()) -> list[Fetched]:
        self.asked.append(("fetch", uids(keys), uids(following)))
        return [Fetched(key, b"x", 1000, None) for key in keys]

    def drop(self) -> None:
        pass


def uids(keys: Sequence[Key]) -> list[int]:
    return [key.uid for key in keys]


@contextmanager
def connection_to(source: Noting) -> Iterator[Connection]:
    connection = Connection(cast(Source, source))
    try:
        yield connection
    finally:
        connection.end()


def judged(one: Fetched) -> Judged:
    return Judged(one.key, one.key, one.raw or b"", "", clock.utcnow(), None)


def read(source: Noting, count: int) -> list[int]:
    keys = [Key("INBOX", 7, uid, "") for uid in range(1, count + 1)]
    with connection_to(source) as connection:
        bulks = list(read_ahead(connection, keys, 10_000, judged, lambda: False))
    return [one.key.uid for bulk in bulks for one in bulk.judged]


def test_each_batch_is_read_with_the_next_one_told() -> None:
    source = Noting()
    count = SIZES_AT_ONCE + BATCH_MESSAGES + 1
    assert read(source, count) == list(range(1, count + 1))
    fetched = [(now, following) for what, now, following in source.asked if what == "fetch"]
    assert [following for _, following in fetched] == [*(now for now, _ in fetched[1:]), []]


def test_nobody_waits_for_sizes_but_at_the_beginning() -> None:
    source = Noting()
    read(source, 3 * SIZES_AT_ONCE)
    order = [(what, now[0]) for what, now, _ in source.asked]
    of_second, of_third = order.index(("sizes", SIZES_AT_ONCE + 1)), order.index(("sizes", 2 * SIZES_AT_ONCE + 1))
    assert of_second < order.index(("fetch", 1))
    assert of_third < order.index(("fetch", SIZES_AT_ONCE + 1)), "before the second thousand"
