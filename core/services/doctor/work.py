"""The doctor at the work: who does it, what of it is stuck, what waits for a person."""

from __future__ import annotations

from sqlalchemy import func, select

from core.attendance import unattended
from core.db.bulk import table_of
from core.models import Account, AccountStatus, Alert, Message, MessageState, Run, RunState, Validity
from core.services.doctor.finding import Finding, Level
from core.services.doctor.scene import Scene, some
from core.services.looking.overview import live_workers
from core.text import counted


def workers(scene: Scene) -> Finding:
    """Whether anybody does the work that is due."""
    alive = live_workers(scene.session)
    if waiting := unattended(scene.handles, scene.now):
        return Finding("workers", Level.ERROR, "; ".join(map(str, waiting)))
    if not alive:
        return Finding("workers", Level.WARNING, "No worker is alive. Start one: postroom --worker")
    return Finding("workers", Level.OK, f"{alive} alive")


def leases(scene: Scene) -> Finding:
    """Whether a run has lost its worker."""
    run, status = table_of(Run), table_of(AccountStatus)
    held = select(status.c.account_id).where(status.c.lease_owner != "", status.c.lease_until > scene.now)
    dead = select(func.count()).where(run.c.state == RunState.RUNNING.value, run.c.account_id.not_in(held))
    count = scene.session.connection().execute(dead).scalar_one()
    if count:
        lost = counted(count, "run lost its worker", "runs lost their worker")
        text = f"{lost}; the next fetch of that account recovers what was in hand."
        return Finding("leases", Level.WARNING, text)
    return Finding("leases", Level.OK, "none is stuck")


def accounts(scene: Scene) -> Finding:
    """Whether every account is fetched, and well."""
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
        parts = [f"failing: {some(failing)}"] if failing else []
        parts += [f"not fetched for long: {some(silent)}"] if silent else []
        return Finding("accounts", Level.WARNING, f"{'; '.join(parts)}. See: postroom list account")
    return Finding("accounts", Level.OK, f"{len(rows)} fetched")


def quarantine(scene: Scene) -> Finding:
    """Whether messages wait for a person."""
    table = table_of(Message)
    wanted = select(func.count()).where(table.c.state == MessageState.QUARANTINED.value)
    if count := scene.session.connection().execute(wanted).scalar_one():
        waiting = counted(count, "message waits", "messages wait")
        text = f"{waiting} for a person. See: postroom list quarantine"
        return Finding("quarantine", Level.WARNING, text)
    return Finding("quarantine", Level.OK, "empty")


def alerts(scene: Scene) -> Finding:
    """Which alerts are open."""
    alert = table_of(Alert)
    opened = select(alert.c.subject).where(alert.c.closed_at.is_(None)).order_by(alert.c.opened_at)
    subjects = list(scene.session.connection().scalars(opened))
    if subjects:
        text = f"{counted(len(subjects), 'is', 'are')} open: {some(subjects)}. See: postroom list alert"
        return Finding("alerts", Level.WARNING, text)
    return Finding("alerts", Level.OK, "none is open")
