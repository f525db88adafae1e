"""The doctor: is everything as it should be, and if not, what to do."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlmodel import Session

from core import clock
from core.attendance import unattended
from core.credentials import credentials_of, days_told, step_of
from core.data_folder import closed_to_owner, free_bytes, home_out_of_reach
from core.db.bulk import table_of
from core.db.engine import WAL_SAFE_SINCE, sqlite_version
from core.db.faults import READ_ONLY_SERVER
from core.db.integrity import damage_of
from core.db.schema import revision_of
from core.environment import Environment
from core.errors import NotPermitted, PostroomError, ScriptFailed, SecretUnreadable, StoreError
from core.handles import Handles
from core.models import (
    Account,
    AccountStatus,
    Alert,
    Mailbox,
    Message,
    MessageState,
    Queue,
    Run,
    RunState,
    Validity,
)
from core.outbound.scripts.file import read_script
from core.services.doctor.finding import Finding, Level
from core.services.doctor.servers import servers
from core.services.doctor.timekeeping import clock_of
from core.services.doctor.waiting_mail import outbox
from core.services.doctor.ways_in import drop_folder, listener
from core.services.keys import told, unopened
from core.services.overview import live_workers
from core.services.sign_in_status import State, standings_in
from core.settings import RuntimeSettings, write_size
from core.text import counted
from core.vault.choice import key_place
from core.vault.keys import find_key

__all__ = ["Finding", "Level", "examine"]


@dataclass(frozen=True)
class _Scene:
    """What the checks of the database look at."""

    handles: Handles
    session: Session
    settings: RuntimeSettings
    now: datetime


def examine(environment: Environment, open_: Callable[[], Handles], *, connecting: bool = False) -> Iterator[Finding]:
    """Every check, in turn; when the database cannot be opened, or not be read any further, that is the last finding.

    Args:
        environment: where this Postroom lives.
        open_: opens it.
        connecting: whether to try the servers of accounts and mailboxes too, which takes as long as the slowest.
    """
    home = _home(environment)
    yield home
    if home.level is Level.ERROR:
        return
    yield _key(environment)
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
        yield _disk(environment, settings)
        yield listener(environment, settings.listener)
        with handles.database.reading() as session:
            scene = _Scene(handles, session, settings, clock.utcnow())
            for check in _CHECKS:
                yield check(scene)
        if connecting:
            yield from servers(handles, clock.utcnow())
    except StoreError as error:
        yield Finding("database", Level.ERROR, str(error))
    finally:
        handles.close()


def _home(environment: Environment) -> Finding:
    try:
        is_there = environment.home.exists()
    except PermissionError:
        return Finding("home", Level.ERROR, str(home_out_of_reach(environment.home)))
    if not is_there:
        return Finding("home", Level.OK, f"{environment.home} is made at first use")
    found = environment.home.stat()
    if found.st_uid == os.geteuid() and not os.access(environment.home, os.R_OK | os.W_OK | os.X_OK):
        return Finding("home", Level.ERROR, closed_to_owner(environment.home))
    if found.st_mode & stat.S_IRWXO:
        return Finding("home", Level.WARNING, f"{environment.home} is open to others. Run: chmod o= {environment.home}")
    return Finding("home", Level.OK, str(environment.home))


def _key(environment: Environment) -> Finding:
    place = key_place(environment)
    try:
        if not environment.home.exists() and not place.exists():
            return Finding("key", Level.OK, f"{place.name} is made at first use")
        return Finding("key", Level.OK, f"{place.name} (id {find_key(environment).id})")
    except PostroomError as error:
        # The home, or the key alone: a unit hands its service a copy of what is root's.
        places = (environment.home, Path(place.name))
        is_anothers = any(os.access(one, os.F_OK) and one.stat().st_uid != os.geteuid() for one in places)
        if isinstance(error, SecretUnreadable) and is_anothers and place.exists():
            return Finding("key", Level.OK, f"{place.name} is for the service alone")
        return Finding("key", Level.ERROR, str(error))


def _secrets(scene: _Scene) -> Finding:
    try:
        problem = scene.handles.vault.needed(scene.session)
    except PostroomError as error:
        problem = str(error)
    if problem:
        return Finding("secrets", Level.ERROR, problem)
    if not scene.handles.vault.can_open():
        return Finding("secrets", Level.OK, "not looked at: the key is the service's")
    try:
        names = unopened(scene.handles)
    except NotPermitted:
        return Finding("secrets", Level.OK, "not looked at: this login of the database may not read them")
    if names:
        return Finding("secrets", Level.WARNING, f"Some do not open, enter them again: {told(names)}.")
    return Finding("secrets", Level.OK, "all open")


_LITTLE = 64 << 20
"""Free bytes that are few whatever the setting says."""


def _disk(environment: Environment, settings: RuntimeSettings) -> Finding:
    free = free_bytes(environment.home)
    if free < settings.min_free_disk:
        wanted = write_size(settings.min_free_disk)
        return Finding("disk", Level.ERROR, f"{free >> 20} MiB free; fetching stops below {wanted}. Free some space.")
    level = Level.WARNING if free < max(2 * settings.min_free_disk, _LITTLE) else Level.OK
    return Finding("disk", level, f"{free >> 20} MiB free")


def _engine(scene: _Scene) -> Finding:
    if not scene.handles.environment.is_sqlite:
        version = scene.session.connection().exec_driver_sql("SHOW server_version").scalar_one()
        if not scene.handles.database.takes_changes():
            return Finding("engine", Level.ERROR, f"PostgreSQL {version} takes no changes. {READ_ONLY_SERVER}")
        if not scene.handles.database.outlives_power():
            text = f"PostgreSQL {version} runs with fsync = off; nothing is deleted on mail servers. Turn it on."
            return Finding("engine", Level.ERROR, text)
        return Finding("engine", Level.OK, f"PostgreSQL {version}")
    version = ".".join(map(str, sqlite_version()))
    if sqlite_version() < WAL_SAFE_SINCE:
        text = f"SQLite {version} may corrupt a write-ahead log; a rollback journal is used. Install pysqlite3."
        return Finding("engine", Level.WARNING, text)
    if damage := damage_of(scene.session.connection()):
        return Finding("engine", Level.ERROR, damage)
    return Finding("engine", Level.OK, f"SQLite {version}, the file is sound")


def _clock(scene: _Scene) -> Finding:
    return clock_of(scene.session, scene.now)


def _default_queue(scene: _Scene) -> Finding:
    name, table = scene.settings.default_queue, table_of(Queue)
    wanted = select(table.c.id).where(
        table.c.name == name, table.c.validity == Validity.VALID.value, table.c.deleted_at.is_(None)
    )
    if scene.session.connection().execute(wanted).first() is None:
        text = f"There is no valid queue {name!r}, so mail that nothing claims has no place. Add it, or set another."
        return Finding("default queue", Level.ERROR, text)
    return Finding("default queue", Level.OK, name)


def _workers(scene: _Scene) -> Finding:
    alive = live_workers(scene.session)
    if waiting := unattended(scene.handles, scene.now):
        return Finding("workers", Level.ERROR, "; ".join(map(str, waiting)))
    if not alive:
        return Finding("workers", Level.WARNING, "No worker is alive. Start one: postroom --worker")
    return Finding("workers", Level.OK, f"{alive} alive")


def _leases(scene: _Scene) -> Finding:
    run, status = table_of(Run), table_of(AccountStatus)
    held = select(status.c.account_id).where(status.c.lease_owner != "", status.c.lease_until > scene.now)
    dead = select(func.count()).where(run.c.state == RunState.RUNNING.value, run.c.account_id.not_in(held))
    count = scene.session.connection().execute(dead).scalar_one()
    if count:
        lost = counted(count, "run lost its worker", "runs lost their worker")
        text = f"{lost}; the next fetch of that account recovers what was in hand."
        return Finding("leases", Level.WARNING, text)
    return Finding("leases", Level.OK, "none is stuck")


def _accounts(scene: _Scene) -> Finding:
    account, status = table_of(Account), table_of(AccountStatus)
    valid = (account.c.validity == Validity.VALID.value, account.c.deleted_at.is_(None), status.c.paused.is_(False))
    joined = select(account.c.name, status.c.last_ok_at, status.c.failures, account.c.created_at).join(
        status, status.c.account_id == account.c.id
    )
    rows = scene.session.connection().execute(joined.where(*valid)).all()
    silent_since = scene.now - scene.settings.alerts.fetch_silence
    failing = sorted(row.name for row in rows if row.failures)
    silent = sorted(row.name for row in rows if (row.last_ok_at or row.created_at) < silent_since)
    if failing or silent:
        parts = [f"failing: {_some(failing)}"] if failing else []
        parts += [f"not fetched for long: {_some(silent)}"] if silent else []
        return Finding("accounts", Level.WARNING, f"{'; '.join(parts)}. See: postroom list account")
    return Finding("accounts", Level.OK, f"{len(rows)} fetched")


def _outbox(scene: _Scene) -> Finding:
    return outbox(scene.session, scene.settings, scene.now)


def _scripts(scene: _Scene) -> Finding:
    """Whether each mailbox's MIME script can be run: there, and written by nobody else."""
    mailbox = table_of(Mailbox)
    wanted = select(mailbox.c.mime_script).where(mailbox.c.mime_script != "", mailbox.c.deleted_at.is_(None)).distinct()
    names = sorted(scene.session.connection().scalars(wanted))
    complaints: list[str] = []
    for name in names:
        try:
            read_script(scene.handles.environment.scripts, name)
        except ScriptFailed as error:
            complaints.append(str(error))
    if complaints:
        return Finding("scripts", Level.ERROR, "; ".join(dict.fromkeys(complaints)))
    return Finding("scripts", Level.OK, f"{len(names)} in use")


def _sign_ins(scene: _Scene) -> Finding:
    found = standings_in(scene.session, scene.now)
    waiting = [f"{one.kind} {one.name}" for one in found if one.state is State.NEEDS_SIGN_IN]
    if waiting:
        return Finding("sign-ins", Level.ERROR, f"Somebody must sign in: {_some(waiting)}. See: postroom oauth status")
    return Finding("sign-ins", Level.OK, f"{len(found)} with a profile" if found else "none is needed")


def _credentials(scene: _Scene) -> Finding:
    found = credentials_of(scene.session)
    ending = [one for one in found if step_of(one.ends, scene.now) is not None]
    if not ending:
        return Finding("credentials", Level.OK, days_told(found, scene.now, most=1) or "none whose end is known")
    level = Level.ERROR if ending[0].ends <= scene.now else Level.WARNING
    return Finding("credentials", level, f"{days_told(ending, scene.now)}. See: postroom list alert")


def _quarantine(scene: _Scene) -> Finding:
    table = table_of(Message)
    wanted = select(func.count()).where(table.c.state == MessageState.QUARANTINED.value)
    if count := scene.session.connection().execute(wanted).scalar_one():
        waiting = counted(count, "message waits", "messages wait")
        text = f"{waiting} for a person. See: postroom list quarantine"
        return Finding("quarantine", Level.WARNING, text)
    return Finding("quarantine", Level.OK, "empty")


def _alerts(scene: _Scene) -> Finding:
    alert = table_of(Alert)
    opened = select(alert.c.subject).where(alert.c.closed_at.is_(None)).order_by(alert.c.opened_at)
    subjects = list(scene.session.connection().scalars(opened))
    if subjects:
        text = f"{counted(len(subjects), 'is', 'are')} open: {_some(subjects)}. See: postroom list alert"
        return Finding("alerts", Level.WARNING, text)
    return Finding("alerts", Level.OK, "none is open")


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


_CHECKS: tuple[Callable[[_Scene], Finding], ...] = (
    _engine,
    _clock,
    _secrets,
    _default_queue,
    _workers,
    _leases,
    _accounts,
    _outbox,
    _scripts,
    _quarantine,
    _sign_ins,
    _credentials,
    _alerts,
)
