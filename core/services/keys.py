"""The key that opens secrets: turning to another one, and what does not open with those that are here."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session

from core.db.alike import one_at_a_time
from core.db.bulk import table_of
from core.errors import BadInput, SecretUnreadable
from core.failpoints import fp
from core.handles import Handles
from core.models import Audit, Setting
from core.resources.catalogue import KINDS
from core.services import access, audit
from core.services.actor import Actor
from core.vault.key import Key, new_key
from core.vault.place import NEXT
from core.vault.sealed import SealedContent, sealed_contents
from core.vault.vault import KEY_ID

_REPORTED = 20
"""Names told at most in one sentence."""


@dataclass(frozen=True)
class Turned:
    """What came of turning to another key."""

    key_id: str
    """The key that holds now."""
    place: str
    """Where it is."""
    resealed: int = 0
    """Secrets and tokens that were sealed anew."""
    left: tuple[str, ...] = ()
    """What did not open and was left as it is: it must be entered again."""
    old_key: str = ""
    """Where the key before is kept; empty: it is gone."""
    was_cut_off: bool = False
    """Whether this finished a rotation that was cut off; no other was begun."""


def rotate(handles: Handles, actor: Actor, *, drop_old: bool = False) -> Turned:
    """Make a new key and seal everything with it, in one transaction.

    Cut off at any point, the database and the keys of this machine still fit: both keys are here until the commit is
    known, and all that is sealed names its own.

    Args:
        handles: what this process holds open.
        actor: who asks.
        drop_old: keep no copy of the key before. Backups that are older do not open any more.

    Raises:
        SecretUnreadable: the key of this database is not here.
        CannotWrite: the key's place takes no other.
    """
    access.require(actor, "rotate", "key")
    vault, place = handles.vault, handles.vault.place
    coming, holding = place.read(NEXT), noted_key(handles)
    if coming is not None and coming.id == holding:
        return _promoted(handles, Turned(coming.id, place.name, was_cut_off=True), drop_old=drop_old)
    handles.database.writing(vault.claim_key)  # refuses a key that is not this database's
    new = place.make(new_key(), NEXT)
    fp("R1")
    resealed, left, line = handles.database.writing(lambda session: _reseal(session, handles, actor, new))
    fp("R2")
    if line is not None:
        audit.publish(line)
    handles.changes.moved("setting", "audit")
    return _promoted(handles, Turned(new.id, place.name, resealed, tuple(left)), drop_old=drop_old)


def give_up_lost(handles: Handles, actor: Actor) -> Turned:
    """Go on with the key of this machine, or a new one, because the one of this database is lost for good.

    What the lost one sealed stays as it is: should it be found again, put beside this one under its id it opens.

    Raises:
        BadInput: the key is not lost.
        CannotWrite: the key's place takes none.
    """
    access.require(actor, "rotate", "key")
    vault = handles.vault
    key = vault.place.make(new_key())
    if noted_key(handles) in {"", key.id} or vault.known(noted_key(handles)):
        raise BadInput(f"The key of this database is here ({vault.place.name}), so it is not lost. To turn to another "
                       "one: postroom key rotate")  # fmt: skip

    def work(session: Session) -> tuple[list[str], Audit]:
        one_at_a_time(session, "configuration")
        before = session.get(Setting, KEY_ID)
        vault.note_key(session, key)
        left = [_named(session, one) for one in sealed_contents(session) if not _opens(handles, one)]
        was = {"key": before.value if before else ""}
        return left, audit.note(session, actor, "replace", "key", key.id, before=was, after={"key": key.id})

    left, line = handles.database.writing(work)
    audit.publish(line)
    handles.changes.moved("setting", "audit")
    return Turned(key.id, vault.place.name, 0, tuple(left))


def unopened(handles: Handles) -> list[str]:
    """What is sealed here and does not open with the keys of this machine, by name."""
    with handles.database.reading() as session:
        return [_named(session, one) for one in sealed_contents(session) if not _opens(handles, one)]


def told(names: tuple[str, ...] | list[str]) -> str:
    """Some names, as a sentence says them."""
    return ", ".join(names[:_REPORTED]) + (f" and {len(names) - _REPORTED} more" if len(names) > _REPORTED else "")


def _reseal(session: Session, handles: Handles, actor: Actor, new: Key) -> tuple[int, list[str], Audit | None]:
    # The lock of all changes of configuration; `claim_key` keeps out those that seal without it (tokens).
    one_at_a_time(session, "configuration")
    vault = handles.vault
    old = vault.claim_key(session, is_changing=True)
    if old.id == new.id:
        return 0, [], None  # the first try was committed, though its answer was lost
    resealed, left = 0, []
    for one in sealed_contents(session):
        try:
            content = vault.open(one.place, one.content)
        except SecretUnreadable:
            left.append(_named(session, one))
            continue
        one.column.replace(session, one, vault.sealed_with(new, one.place, content))
        resealed += 1
    vault.note_key(session, new)
    after = {"key": new.id, "resealed": resealed, "left": len(left)}
    return resealed, left, audit.note(session, actor, "rotate", "key", new.id, before={"key": old.id}, after=after)


def _promoted(handles: Handles, turned: Turned, *, drop_old: bool) -> Turned:
    place = handles.vault.place
    before = place.read()
    place.promote(keep_old=not drop_old)
    handles.vault.known(turned.key_id)  # from here on this process uses it too
    is_kept = before is not None and before.id != turned.key_id and not drop_old
    where = f"{place.name}.{before.id}" if is_kept and before is not None else ""
    return Turned(turned.key_id, turned.place, turned.resealed, turned.left, where, turned.was_cut_off)


def noted_key(handles: Handles) -> str:
    """The id of the key that the secrets of this database are sealed with; empty before anything was."""
    with handles.database.reading() as session:
        known = session.get(Setting, KEY_ID)
    return "" if known is None else str(known.value)


def _opens(handles: Handles, sealed: SealedContent) -> bool:
    try:
        handles.vault.open(sealed.place, sealed.content)
    except SecretUnreadable:
        return False
    return True


def _named(session: Session, sealed: SealedContent) -> str:
    """`account support: password`, as people know it."""
    parts = sealed.place.split(":")
    if len(parts) != 3:
        return f"{sealed.place} {sealed.key[0]}"
    kind_name, owner_id, field = parts
    kind = next((one for one in KINDS if one.name == kind_name and one.is_editable), None)
    if kind is None:
        return f"{kind_name} {field}".replace("setting ", "setting: ")
    table = table_of(kind.model)
    name = session.connection().execute(select(table.c[kind.key]).where(table.c.id == int(owner_id))).scalar()
    return f"{kind_name} {name or owner_id}: {field}"
