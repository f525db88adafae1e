"""A worker in a process of its own that wants a new token again and again."""

import sys
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Event

from core.environment import Environment
from core.vault.owner import Owner
from tests.forked import CONTEXT
from tests.waiting import PATIENCE

LOOK = 0.005
"""Seconds between two looks while the other has its turn; short, for there are hundreds."""


def start_renewing(environment: Environment, account_id: int, count: int) -> ForkServerProcess:
    """Begin, and come back when it has; its exit code is how often it got none."""
    begun = CONTEXT.Event()
    arguments = (str(environment.home), environment.database_url, account_id, count, begun)
    process = CONTEXT.Process(target=_child, args=arguments, daemon=True)
    process.start()
    assert begun.wait(PATIENCE)
    return process


def _child(home: str, url: str, account_id: int, count: int, begun: Event) -> None:
    from core.environment import read_environment
    from core.errors import PostroomError
    from core.gateway import open_gateway
    from core.oauth import cache

    cache.LOOK = LOOK
    handles, failures = open_gateway(read_environment({}, home=home, database_url=url)), 0
    begun.set()
    for _ in range(count):
        try:
            cache.access_token(handles, Owner("account", account_id))
        except PostroomError as error:
            print(error, file=sys.stderr)
            failures += 1
    handles.close()
    sys.exit(min(failures, 100))
