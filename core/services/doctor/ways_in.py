"""The doctor at the doors that mail is handed in by: the drop folder and the SMTP listener."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from core import clock
from core.environment import Environment
from core.handin import SUFFIX
from core.outbound.listener.port import mark_of, occupant_of
from core.outbox.put_aside import REFUSED
from core.services.doctor.finding import Finding, Level
from core.settings import ListenerSettings
from core.text import counted

LONGEST_IN_DROP = timedelta(minutes=2)
"""A worker picks up within a second; what lies there longer is a matter for a person."""


def drop_folder(environment: Environment) -> Finding:
    """Files that were put aside, and messages that nobody picks up."""
    drop = environment.drop
    try:
        entries = list(drop.iterdir()) if drop.is_dir() else []
        aside = list((drop / REFUSED).iterdir()) if drop / REFUSED in entries else []
        waiting = [path for path in entries if path.suffix == SUFFIX and not path.name.startswith(".")]
        since = min((path.lstat().st_mtime for path in waiting), default=None)
    except OSError:
        return Finding("drop folder", Level.OK, f"{drop} (not ours to look into)")
    if refused := _refused([*entries, *aside]):
        many = counted(refused, "file was", "files were")
        text = f"{many} not as postroom send writes them; why stands beside: {drop / REFUSED}"
        return Finding("drop folder", Level.WARNING, text)
    if since is not None and clock.utcnow().timestamp() - since > LONGEST_IN_DROP.total_seconds():
        many = counted(len(waiting), "message waits", "messages wait")
        text = f"{many} in {drop} and nobody picks them up. Start a worker: postroom --worker"
        return Finding("drop folder", Level.WARNING, text)
    return Finding("drop folder", Level.OK, str(drop))


def _refused(paths: list[Path]) -> int:
    return sum(
        path.name.startswith(".refused-") or (path.parent.name == REFUSED and path.suffix != ".reason")
        for path in paths
    )


def listener(environment: Environment, settings: ListenerSettings) -> Finding:
    """Who listens where the listener should."""
    if not settings.enabled:
        return Finding("listener", Level.OK, "off")
    host = "127.0.0.1" if settings.host == "localhost" else settings.host
    place = f"port {settings.port} of {host}"
    occupant = occupant_of(host, settings.port, mark_of(environment), environment.home)
    if occupant.is_ours:
        return Finding("listener", Level.OK, place)
    if occupant.is_there:
        who = occupant.listens(f"at {place}")
        text = f"{who[0].upper()}{who[1:]}. Stop it, or run: postroom set setting listener.port=NUMBER"
        return Finding("listener", Level.ERROR, text)
    text = (
        f"It is enabled, and nobody listens at {place}. Start a worker here (postroom --worker); "
        "if there is one, it says why: postroom list alert"
    )
    return Finding("listener", Level.WARNING, text)
