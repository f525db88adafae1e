"""What waits in quarantine: taken in again from its bytes, edited, or filed by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import delete, select, update
from sqlmodel import Session

from core import clock
from core.db.bulk import insert_missing, table_of
from core.errors import NotFound
from core.handles import Handles
from core.inbound.batch.lookup import load_known
from core.inbound.batch.numbers import reserve_block
from core.inbound.batch.rows import Rows, described
from core.inbound.batch.rules import LoadedRules, load_rules
from core.inbound.decisions.followup import record_number
from core.inbound.decisions.judging import Judged, judge_message
from core.inbound.decisions.placement import Ending, Placement
from core.inbound.decisions.verdict import settle
from core.inbound.stand_in import DELETED, account_with_defaults
from core.inbound.trail import Stage, Step
from core.mail.summary import summarise
from core.models import Account, Message, MessageState, OriginalMessage, Quarantine, RawMessage
from core.protocols.source import Fetched, Key

_message, _quarantine, _raw = table_of(Message), table_of(Quarantine), table_of(RawMessage)
_original = table_of(OriginalMessage)


def retry(handles: Handles, message_id: int) -> MessageState:
    """Take a quarantined message in again, by today's rules of its account; gives back where it ended.

    Raises:
        NotFound: it is not in quarantine.
    """
    held = _load(handles, message_id)
    rules = load_rules(handles, held.account)
    judged = judge_message(held.fetched, rules.rules, clock.utcnow())
    return _settled(handles, held, rules, judged)


def release(handles: Handles, message_id: int, queue: str) -> MessageState:
    """File a quarantined message in a queue by its headers, without filters, loop guard or follow-up.

    Raises:
        NotFound: it is not in quarantine, or there is no such queue.
    """
    held = _load(handles, message_id)
    rules = load_rules(handles, held.account)
    if queue not in rules.queue_ids:
        from core.resources.routing import QUEUE
        from core.resources.unknown import unknown

        raise NotFound(unknown(QUEUE, queue, rules.queue_ids))
    bare = replace(rules, rules=replace(rules.rules, filters=(), trusted=False))
    judged = judge_message(held.fetched, bare.rules, clock.utcnow())
    return _settled(handles, held, bare, judged, queue=queue)


def edit(handles: Handles, message_id: int, edited: bytes, *, by: str) -> None:
    """Put other bytes in the place of a quarantined message's; those that came are kept beside them.

    Raises:
        NotFound: it is not in quarantine.
    """
    shown = described(summarise(edited)[1])

    def put(session: Session) -> None:
        mine = (_message.c.id == message_id) & (_message.c.state == MessageState.QUARANTINED.value)
        if session.connection().execute(select(_message.c.id).where(mine)).first() is None:
            raise _not_there(message_id)
        came = session.connection().execute(select(_raw.c.data).where(_raw.c.message_id == message_id)).scalar_one()
        row = {"message_id": message_id, "data": bytes(came), "edited_at": clock.utcnow(), "edited_by": by}
        insert_missing(session, OriginalMessage, [row])  # edited a second time, what came stays what came
        noted = update(_original).where(_original.c.message_id == message_id)
        session.connection().execute(noted.values(edited_at=row["edited_at"], edited_by=by))
        session.connection().execute(update(_raw).where(_raw.c.message_id == message_id).values(data=edited))
        # Lists show what is to be retried, so that two people see who has mended what.
        session.connection().execute(update(_message).where(mine).values(shown))

    handles.database.writing(put)
    handles.changes.moved("message")


def remove(handles: Handles, message_id: int) -> None:
    """Delete a quarantined message with its bytes; it stays known as seen, so that it is not fetched again.

    Raises:
        NotFound: it is not in quarantine.
    """

    def delete_it(session: Session) -> None:
        gone = (
            update(_message)
            .where(_message.c.id == message_id, _message.c.state == MessageState.QUARANTINED.value)
            .values(state=MessageState.IGNORED.value, trail=[["quarantine", "deleted", "a person deleted it"]])
        )
        if not session.connection().execute(gone).rowcount:
            raise _not_there(message_id)
        session.connection().execute(delete(_quarantine).where(_quarantine.c.message_id == message_id))
        session.connection().execute(delete(_raw).where(_raw.c.message_id == message_id))
        session.connection().execute(delete(_original).where(_original.c.message_id == message_id))

    handles.database.writing(delete_it)
    handles.changes.moved("message")


class _Held(NamedTuple):
    """A message in quarantine, with what it takes to process it again."""

    row: Message
    account: Account
    raw: bytes

    @property
    def fetched(self) -> Fetched:
        """As it came from its server."""
        row = self.row
        return Fetched(Key(row.folder, row.uidvalidity, row.uid, row.uidl), self.raw, row.size, row.received_at)


def _load(handles: Handles, message_id: int) -> _Held:
    with handles.database.reading() as session:
        row = session.get(Message, message_id)
        if row is None or row.state != MessageState.QUARANTINED:
            raise _not_there(message_id)
        account = session.get(Account, row.account_id) if row.account_id is not None else None
        data = session.connection().execute(select(_raw.c.data).where(_raw.c.message_id == message_id)).scalar_one()
    if account is None:
        # Its account is gone for good: the rules of an account with all defaults hold.
        account = account_with_defaults(DELETED, row.account_id)
    return _Held(row, account, bytes(data))


def _not_there(message_id: int) -> NotFound:
    return NotFound(f"There is no message {message_id} in quarantine. To see what is: postroom list quarantine")


def _settled(
    handles: Handles, held: _Held, rules: LoadedRules, judged: Judged, *, queue: str | None = None
) -> MessageState:
    """Take it out of quarantine, or note why it stays; `queue` is where a person wants it."""

    def store(session: Session) -> MessageState:
        if judged.verdict is None:
            note_failure(session, held.row.id, judged.reason, judged.detail)
            return MessageState.QUARANTINED
        placement = settle(judged.verdict, load_known(session, held.account, [judged.verdict], {}))
        if queue is not None:
            placement = _released(placement, queue)
        if placement.ending is Ending.QUARANTINED:
            note_failure(session, held.row.id, placement.reason, "")
            return MessageState.QUARANTINED
        record_id = _place(session, held, rules, placement)
        _move(session, held.row.id, judged, placement, record_id)
        return MessageState(placement.ending.value)

    state = handles.database.writing(store)
    handles.changes.moved("message", "record")
    return state


def _place(session: Session, held: _Held, rules: LoadedRules, placement: Placement) -> int | None:
    """Write what the message does to records, and whom that is told; gives back the record it is on."""
    now = clock.utcnow()
    rows = Rows(held.account, held.row.run_id or 0, now, rules.queue_ids, rules.handoffs)
    record_id = placement.record.id if placement.record is not None else None
    if placement.draft is not None:
        record_id, counter = reserve_block(session, 0, 1, now).next_record()
        rows.add_record(record_id, record_number(now.date(), rules.rules.system_id, counter), placement)
    elif placement.is_follow_up and record_id is not None:
        rows.changes.append((record_id, placement.changes))
    rows.offer(held.row.id, placement, record_id)
    rows.report(placement, record_id)
    rows.write(session)
    return record_id


def _released(placement: Placement, queue: str) -> Placement:
    """The same message as a new record of the queue a person chose."""
    step = Step(Stage.DISPATCH, "release", f"a person released it into queue {queue}")
    verdict = placement.verdict
    draft = placement.draft or verdict.draft
    if draft is None:
        from core.inbound.record_types import MessageView

        facts = verdict.facts
        view = MessageView(facts.summary, facts.headers, facts.body, facts.received_at)
        draft = verdict.rules.record_type.draft(view, verdict.controls)
    return Placement(verdict, Ending.RECORDED, (*verdict.trail, step), (), draft=draft, queue=queue)


def _move(session: Session, message_id: int, judged: Judged, placement: Placement, record_id: int | None) -> None:
    assert judged.verdict is not None
    summary = judged.verdict.facts.summary
    moved = (
        update(_message)
        .where(_message.c.id == message_id, _message.c.state == MessageState.QUARANTINED.value)
        .values(
            state=placement.ending.value,
            record_id=record_id,
            trail=[list(step) for step in placement.trail],
            opened_record=placement.draft is not None,
            from_address=judged.verdict.sender,
            **described(summary),
        )
    )
    # Two people may press retry at once: the second finds nothing to move, and its record is not made either.
    if session.connection().execute(moved).rowcount != 1:
        raise _not_there(message_id)
    session.connection().execute(delete(_quarantine).where(_quarantine.c.message_id == message_id))


def note_failure(session: Session, message_id: int, reason: str, detail: str) -> None:
    """It stays in quarantine: why, and that it was tried once more."""
    session.connection().execute(
        update(_quarantine)
        .where(_quarantine.c.message_id == message_id)
        .values(reason=reason, detail=detail, attempts=_quarantine.c.attempts + 1, tried_at=clock.utcnow())
    )
