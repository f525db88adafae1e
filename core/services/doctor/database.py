"""The doctor at the database: its engine, and the secrets in it."""

from __future__ import annotations

from core.db.engine import WAL_SAFE_SINCE, sqlite_version
from core.db.faults import READ_ONLY_SERVER
from core.db.integrity import damage_of
from core.errors import NotPermitted, PostroomError
from core.services.doctor.finding import Finding, Level
from core.services.doctor.scene import Scene
from core.services.keys import told, unopened


def engine(scene: Scene) -> Finding:
    """Whether the engine keeps what it is given: its version, whether it syncs, whether its file is sound."""
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


def secrets(scene: Scene) -> Finding:
    """Whether all secrets open with the keys that are here."""
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
