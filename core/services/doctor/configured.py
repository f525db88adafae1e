"""The doctor at what is configured: the default queue, MIME scripts, what signs in, what ends by itself."""

from __future__ import annotations

from sqlalchemy import select

from core.credentials import credentials_of, days_told, step_of
from core.db.bulk import table_of
from core.errors import ScriptFailed
from core.models import Mailbox, Queue, Validity
from core.outbound.scripts.file import read_script
from core.services.doctor.finding import Finding, Level
from core.services.doctor.scene import Scene, some
from core.services.signing_in.sign_in_status import State, standings_in


def default_queue(scene: Scene) -> Finding:
    """Whether mail that nothing claims has a place."""
    name, table = scene.settings.default_queue, table_of(Queue)
    wanted = select(table.c.id).where(
        table.c.name == name, table.c.validity == Validity.VALID.value, table.c.deleted_at.is_(None)
    )
    if scene.session.connection().execute(wanted).first() is None:
        text = f"There is no valid queue {name!r}, so mail that nothing claims has no place. Add it, or set another."
        return Finding("default queue", Level.ERROR, text)
    return Finding("default queue", Level.OK, name)


def scripts(scene: Scene) -> Finding:
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


def sign_ins(scene: Scene) -> Finding:
    """Whether somebody must sign in for an account or a mailbox."""
    found = standings_in(scene.session, scene.now)
    waiting = [f"{one.kind} {one.name}" for one in found if one.state is State.NEEDS_SIGN_IN]
    if waiting:
        return Finding("sign-ins", Level.ERROR, f"Somebody must sign in: {some(waiting)}. See: postroom oauth status")
    return Finding("sign-ins", Level.OK, f"{len(found)} with a profile" if found else "none is needed")


def credentials(scene: Scene) -> Finding:
    """What ends by itself soon, or has ended: secrets, refresh tokens, certificates."""
    found = credentials_of(scene.session)
    ending = [one for one in found if step_of(one.ends, scene.now) is not None]
    if not ending:
        return Finding("credentials", Level.OK, days_told(found, scene.now, most=1) or "none whose end is known")
    level = Level.ERROR if ending[0].ends <= scene.now else Level.WARNING
    return Finding("credentials", level, f"{days_told(ending, scene.now)}. See: postroom list alert")
