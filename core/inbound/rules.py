"""Loading what decides about an account's messages, once a run."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session

from core.db.bulk import table_of
from core.handles import Handles, mark_of
from core.inbound import record_types
from core.inbound.control_values import AllowedValues, ControlValues
from core.inbound.facts import Rules
from core.inbound.filters import compile_filter, in_order
from core.inbound.loop_guard import LoopRule
from core.inbound.offers import ActiveHandoff, active_handoffs
from core.inbound.record_types import RecordType
from core.mail.addresses import bare_addresses
from core.models import Account, Filter, Mailbox, Queue, SystemAddress, Validity, Worker
from core.outbox.return_token import secret_of
from core.settings import RuntimeSettings

_queue, _address, _filter, _account, _mailbox, _worker = (
    table_of(model) for model in (Queue, SystemAddress, Filter, Account, Mailbox, Worker)
)


@dataclass(frozen=True)
class LoadedRules:
    """The rules, and the ids behind the names they speak of."""

    rules: Rules
    queue_ids: dict[str, int]
    handoffs: tuple[ActiveHandoff, ...] = ()
    """Who is told of records."""


def load_rules(handles: Handles, account: Account) -> LoadedRules:
    """All that decides about the account's messages, as it stands now.

    Raises:
        ConfigurationError: its record type is not installed.
    """
    settings = handles.settings()
    record_type = record_types.with_labels(record_types.get(account.record_type), settings.record_labels)
    with handles.database.reading() as session:
        queues = session.connection().execute(select(_queue).where(_queue.c.deleted_at.is_(None))).all()
        valid = {row.name: row.closed for row in queues if row.validity == Validity.VALID.value}
        names = {row.id: row.name for row in queues}
        addresses = session.connection().execute(
            select(_address).where(_address.c.deleted_at.is_(None), _address.c.validity == Validity.VALID.value)
        )
        filters = session.connection().execute(select(_filter).where(_filter.c.deleted_at.is_(None))).all()
        rules = Rules(
            default_queue=settings.default_queue,
            queues=valid,
            addresses={row.address.lower(): names[row.queue_id] for row in addresses if row.queue_id in names},
            trusted=account.trusted,
            mode=account.dispatching,
            account_queue=names.get(account.queue_id) if account.queue_id else None,
            plus_addressing=settings.plus_addressing,
            use_x_envelope_to=settings.use_x_envelope_to,
            filters=in_order(
                compile_filter(row.name, stop=row.stop, match=row.match, settings=row.set) for row in filters
            ),
            values=ControlValues(_allowed(settings, record_type)),
            record_type=record_type,
            system_id=settings.system_id,
            hooks=record_types.hooks(),
            followup_in_body=settings.followup_in_body,
            followup_in_attachments=settings.followup_in_attachments,
            loop=_loop_rule(session, handles, settings),
            return_secret=secret_of(session),
        )
        handoffs = active_handoffs(session)
    return LoadedRules(rules, {row.name: row.id for row in queues}, handoffs)


def _allowed(settings: RuntimeSettings, record_type: RecordType) -> AllowedValues:
    return AllowedValues(
        states=tuple(settings.states),
        priorities=tuple(settings.priorities),
        types=tuple(settings.types),
        services=tuple(settings.services),
        slas=tuple(settings.slas),
        owners=tuple(settings.owners),
        dynamic_fields=(*settings.dynamic_fields, *(rule.name for rule in record_types.fields_of(record_type))),
    )


def _loop_rule(session: Session, handles: Handles, settings: RuntimeSettings) -> LoopRule:
    return LoopRule(
        records=settings.loop.records,
        window=settings.loop.window,
        allow=frozenset(sender.lower() for sender in settings.loop.allow),
        host_marks=frozenset({handles.mark, *_other_marks(session)}),
        own_addresses=_own_addresses(session),
    )


def _other_marks(session: Session) -> set[str]:
    """Of the other machines that send for us."""
    return {mark_of(host) for host in session.connection().scalars(select(_worker.c.host).distinct())}


def _own_addresses(session: Session) -> frozenset[str]:
    """What mail of ours comes from: system addresses, those of queues and accounts, the senders of mailboxes."""
    columns = (_address.c.address, _queue.c.address, _account.c.address, _mailbox.c.default_sender, _mailbox.c.username)
    texts = [
        text
        for column in columns
        for text in session.connection().scalars(select(column).where(column.table.c.deleted_at.is_(None)))
    ]
    return frozenset(address.lower() for text in texts if "@" in text for address in bare_addresses(text))
