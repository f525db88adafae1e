"""Whether a commit was carried out of which PostgreSQL's word was lost: the connection broke before it came.

Done once more, what was written would be there twice, or be taken for somebody else's.
"""

from __future__ import annotations

import random
import time

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from core import clock
from core.db.faults import is_passing
from core.errors import StoreBusy


def number_of(connection: Connection) -> int | None:
    """The transaction's number, by which the server knows later what became of it; `None`: it has written nothing."""
    number: int | None = connection.exec_driver_sql("SELECT txid_current_if_assigned()").scalar()
    return number


def was_carried_out(engine: Engine, number: int, deadline: clock.Deadline) -> bool:
    """What became of a transaction, as soon as the server is there again and knows.

    Raises:
        StoreBusy: it did not say so in time.
    """
    while True:
        try:
            with engine.connect() as connection:
                state = connection.exec_driver_sql("SELECT txid_status(%s)", (number,)).scalar()
            if state != "in progress":
                return bool(state == "committed")
        except DBAPIError as error:
            if not is_passing(error):
                raise
        if deadline.is_over():
            raise StoreBusy("The database went away while it was written to; whether that was done is not known.")
        time.sleep(random.uniform(0.01, 0.05))  # noqa: S311 - spreads askers, guards nothing
