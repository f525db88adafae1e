"""A Postroom of a benchmark's own, gone when it is over."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from core.environment import read_environment
from core.gateway import open_gateway
from core.handles import Handles
from tests.servers.postgres import Postgres


@contextmanager
def opened(*, on_postgres: bool) -> Iterator[Handles]:
    """The handles of a new one, on SQLite or on a PostgreSQL server that syncs."""
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory())
        url = stack.enter_context(Postgres(durable=True)).create_database() if on_postgres else None
        handles = open_gateway(read_environment({}, home=home, database_url=url))
        stack.callback(handles.close)
        yield handles
