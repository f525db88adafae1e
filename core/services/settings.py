"""The settings: read by all, changed by a super security admin, by their dotted names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, select
from sqlmodel import Session

from core.db.alike import one_at_a_time
from core.db.bulk import table_of, upsert
from core.errors import BadInput, Problem
from core.filtering import read_filter
from core.handles import Handles
from core.models import Audit, Setting, Validity
from core.resources.mailbox import MAILBOX
from core.resources.routing import QUEUE
from core.secret import MASK, Secret
from core.services import access, audit
from core.services.actor import Actor
from core.services.lookup import living
from core.services.references import Known
from core.services.sealing import GivenSecret, SecretPlace, keep_secret, read_secret
from core.services.setting_values import DEFAULTS, LISTENER_PASSWORD, flat, read_settings
from core.vault.vault import Vault

LISTENER = SecretPlace("setting", 0, LISTENER_PASSWORD)
"""Where the password of the SMTP listener is kept."""


def read(handles: Handles, actor: Actor) -> dict[str, Any]:
    """Every setting that holds, by its dotted name, in the form of TOML."""
    access.require(actor, access.SEE, "setting")
    return flat(handles.settings())


def rows(handles: Handles, filter_text: str = "") -> list[dict[str, Any]]:
    """The settings as a list: `name` and `value`, those that a filter text matches."""
    shown = [{"name": name, "value": value} for name, value in flat(handles.settings()).items()]
    terms = [term for term in read_filter(filter_text).terms if term.word or term.column not in {"name", "value"}]
    return [row for row in shown if all(_is_found(term.word, term.column, row) != term.is_excluded for term in terms)]


def change(handles: Handles, actor: Actor, given: Mapping[str, Any]) -> bool:
    """Change settings by dotted name; `None` gives one its default back. False if nothing was different.

    Raises:
        BadInput: all that is wrong with them; nothing was changed.
    """
    access.require(actor, "change", "setting")

    def work(session: Session) -> Audit | None:
        one_at_a_time(session, "configuration")
        line, problems = apply(session, handles.vault, actor, given)
        problems += judged(session, given)
        if problems:
            raise BadInput(problems=tuple(problems))
        return line

    line = handles.database.writing(work)
    if line is not None:
        audit.publish(line)
        handles.changes.moved("setting")
    return line is not None


def check(handles: Handles, given: Mapping[str, Any]) -> list[Problem]:
    """Everything that is wrong with values before they are changed, by dotted name; nothing is written."""
    plain = {name: value for name, value in given.items() if name != LISTENER_PASSWORD}
    with handles.database.reading() as session:
        _, problems = read_settings(stored(session), plain)
        return problems + judged(session, plain)


def apply(
    session: Session, vault: Vault, actor: Actor, given: Mapping[str, Any], *, where: str = ""
) -> tuple[Audit | None, list[Problem]]:
    """Write what differs, within a transaction; nothing when there are problems."""
    plain = {name: value for name, value in given.items() if name != LISTENER_PASSWORD}
    before = stored(session)
    settings, problems = read_settings(before, plain, where=where)
    secret: GivenSecret = None
    if LISTENER_PASSWORD in given:
        try:
            secret = read_secret(given[LISTENER_PASSWORD])
        except ValueError as error:
            problems.append(Problem(where, LISTENER_PASSWORD, str(error)))
    if settings is None or problems:
        return None, problems
    after = {name: value for name, value in flat(settings).items() if value != DEFAULTS[name]}
    old, new = _full(before), _full(after)
    changed = [name for name in DEFAULTS if old[name] != new[name]]
    is_new_secret = LISTENER_PASSWORD in given and keep_secret(session, vault, LISTENER, secret)
    if not changed and not is_new_secret:
        return None, []
    _write(session, after)
    was, now = {name: old[name] for name in changed}, {name: new[name] for name in changed}
    if is_new_secret:
        was[LISTENER_PASSWORD], now[LISTENER_PASSWORD] = None, MASK if isinstance(secret, Secret) else str(secret)
    return audit.note(session, actor, "change", "setting", ", ".join(now), before=was, after=now), []


def judged(session: Session, given: Mapping[str, Any], *, where: str = "", known: Known = ()) -> list[Problem]:
    """What is wrong with settings that name others, as everything stands at the end of a transaction."""
    values = {**_full(stored(session)), **given}
    problems = []
    if "default_queue" in given:
        name = str(values["default_queue"] or DEFAULTS["default_queue"])
        queue = living(session, QUEUE, name)
        is_bad = ("queue", name) not in known if queue is None else queue["validity"] != Validity.VALID
        if is_bad:
            problems.append(Problem(where, "default_queue", f"there is no valid queue {name!r}."))
    mailbox = str(values["alerts.mailbox"] or "")
    is_unknown = ("mailbox", mailbox) not in known and living(session, MAILBOX, mailbox) is None
    if "alerts.mailbox" in given and mailbox and is_unknown:
        problems.append(Problem(where, "alerts.mailbox", f"there is no mailbox {mailbox!r}."))
    return problems


def stored(session: Session) -> dict[str, Any]:
    """The rows: only what differs from its default."""
    table = table_of(Setting)
    found = session.connection().execute(select(table.c.name, table.c.value)).all()
    return {name: value for name, value in found if not name.startswith("system.")}


def value_of(session: Session, name: str) -> Any:
    """One setting as it stands within a transaction."""
    return _full(stored(session))[name]


def rename(session: Session, name: str, before: str, after: str) -> None:
    """Follow the new name of what a setting names."""
    if value_of(session, name) == before:
        upsert(session, Setting, [{"name": name, "value": after}])


def _full(rows: Mapping[str, Any]) -> dict[str, Any]:
    return {**DEFAULTS, **rows}


def _write(session: Session, differing: Mapping[str, Any]) -> None:
    table = table_of(Setting)
    session.connection().execute(delete(table).where(table.c.name.in_(DEFAULTS)))
    upsert(session, Setting, [{"name": name, "value": value} for name, value in differing.items()])


def _is_found(word: str, column: str, row: Mapping[str, Any]) -> bool:
    if column in row:
        return word.casefold() in str(row[column]).casefold()
    text = f"{column}:{word}" if column else word
    return any(text.casefold() in str(value).casefold() for value in row.values())
