"""What PostgreSQL says of a commit: that it is on the disk, and, when its word was lost, whether it was carried out.

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

_NUMBERED = (
    "SELECT txid_current_if_assigned(), CASE current_setting('synchronous_commit') WHEN 'off' THEN "
    "set_config('synchronous_commit', 'on', true) END"
)


def number_of(connection: Connection) -> int | None:
    """The transaction's number, by which the server knows later what became of it; `None`: it has written nothing.

    From here on its commit waits for the disk, whatever the server, the database or the role is set to: mail is
    removed elsewhere on that word. Where it waits for more, for a standby above all, that is left as it is.
    """
    number: int | None = connection.exec_driver_sql(_NUMBERED).scalar()
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
            if _is_of_the_future(error):
                return False
            if not is_passing(error):
                raise
        if deadline.is_over():
            raise StoreBusy("The database went away while it was written to; whether that was done is not known.")
        time.sleep(random.uniform(0.01, 0.05))  # noqa: S311 - spreads askers, guards nothing


def _is_of_the_future(error: DBAPIError) -> bool:
    """Whether the server has not come to that number yet: a standby was promoted that never heard of it."""
    return getattr(error.orig, "sqlstate", "") == "22023"
