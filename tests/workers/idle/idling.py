"""A worker that waits for new mail, and what is seen of its waiting."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from core import clock
from core.handles import Handles
from core.workers.health import Heartbeat
from core.workers.idle.idler import Idler
from tests.accounts import add_account, at, fetched_well, message, status_of
from tests.fakes.proxy import Proxy
from tests.servers.dovecot import DovecotServer

IN_AN_HOUR = timedelta(hours=1)


@contextmanager
def idling(handles: Handles, wake: threading.Event | None = None) -> Iterator[Idler]:
    """A worker's idler alone, which looks often."""
    heartbeat = Heartbeat(handles, "fetch")
    heartbeat.start()
    idler = Idler(handles, wake or threading.Event(), look=0.05)
    idler.start()
    try:
        yield idler
    finally:
        idler.close()
        heartbeat.close()


def verbs(proxy: Proxy) -> list[str]:
    """What was asked of the server: the first words behind the tags."""
    return [(line.text.split() if line.text == "DONE" else line.text.split()[1:])[0] for line in proxy.lines]


def listens(handles: Handles, account_id: int) -> Callable[[], bool]:
    return lambda: status_of(handles, account_id).idle_owner == handles.worker_id


def is_due(handles: Handles, account_id: int) -> bool:
    return bool(status_of(handles, account_id).due_at <= clock.utcnow())


def fetched(handles: Handles, server: DovecotServer, kind: str = "IMAP", **values: object) -> tuple[int, str]:
    """An account that was fetched once, and is due again in ten minutes."""
    user = server.fresh_user()
    server.deliver(user, [message(f"{user}-first")])
    account = add_account(handles, name=user, **{**at(server, user, kind), **values})
    fetched_well(handles, user)
    return account, user
