"""The doctor's checks, in the order in which they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from core import clock
from core.db.schema import revision_of
from core.environment import Environment
from core.errors import PostroomError, StoreError
from core.handles import Handles
from core.services.doctor import configured, database, machine, work
from core.services.doctor.finding import Finding, Level
from core.services.doctor.scene import Scene
from core.services.doctor.servers import servers
from core.services.doctor.timekeeping import clock_of
from core.services.doctor.waiting_mail import outbox
from core.services.doctor.ways_in import drop_folder, listener

__all__ = ["Finding", "Level", "examine"]

_CHECKS: tuple[Callable[[Scene], Finding], ...] = (
    database.engine,
    lambda scene: clock_of(scene.session, scene.now),
    database.secrets,
    configured.default_queue,
    work.workers,
    work.leases,
    work.accounts,
    lambda scene: outbox(scene.session, scene.settings, scene.now),
    configured.scripts,
    work.quarantine,
    configured.sign_ins,
    configured.credentials,
    work.alerts,
)


def examine(environment: Environment, open_: Callable[[], Handles], *, connecting: bool = False) -> Iterator[Finding]:
    """Every check, in turn; when the database cannot be opened, or not be read any further, that is the last finding.

    Args:
        environment: where this Postroom lives.
        open_: opens it.
        connecting: whether to try the servers of accounts and mailboxes too, which takes as long as the slowest.
    """
    found = machine.home(environment)
    yield found
    if found.level is Level.ERROR:
        return
    yield machine.key(environment)
    try:
        handles = open_()
    except PostroomError as error:
        yield Finding("database", Level.ERROR, str(error))
        return
    try:
        yield Finding("schema", Level.OK, f"revision {revision_of(handles.database)}")
        if handles.database.only_read:
            yield Finding("database", Level.ERROR, handles.database.only_read)
        yield drop_folder(environment)
        settings = handles.settings()
        yield machine.disk(environment, settings)
        yield listener(environment, settings.listener)
        with handles.database.reading() as session:
            scene = Scene(handles, session, settings, clock.utcnow())
            for check in _CHECKS:
                yield check(scene)
        if connecting:
            yield from servers(handles, clock.utcnow())
    except StoreError as error:
        yield Finding("database", Level.ERROR, str(error))
    finally:
        handles.close()
