"""Loading what decides about an account's messages, once a run.

What is configured is read each time, so that a change holds from the next run on, whoever made it; what is made of it
(expressions compiled, addresses read) is made anew only when it has changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Row, select, union_all
from sqlmodel import Session

from core.db.bulk import table_of
from core.handles import Handles, mark_of
from core.inbound import record_types
from core.inbound.batch.offers import ActiveHandoff, active_handoffs
from core.inbound.control_values import AllowedValues, ControlValues
from core.inbound.decisions.facts import Rules
from core.inbound.decisions.filters import CompiledFilter, compile_filter, in_order
from core.inbound.decisions.loop_guard import LoopRule
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


class _Configured(NamedTuple):
    """What is configured for all accounts, as it was read."""

    settings: RuntimeSettings
    queues: Sequence[Row[Any]]
    addresses: Sequence[Row[Any]]
    filters: Sequence[Row[Any]]
    handoffs: tuple[ActiveHandoff, ...]
    ours: Sequence[str]
    """Texts with the addresses that mail of ours comes from."""
    hosts: Sequence[str]
    """The machines that send for us."""
    return_secret: bytes | None


@dataclass(frozen=True)
class _Common:
    """What is made of a configuration, the same for all accounts."""

    configured: _Configured
    names: dict[int, str]
    """The queues by their ids."""
    queues: dict[str, str]
    queue_ids: dict[str, int]
    addresses: dict[str, str]
    filters: tuple[CompiledFilter, ...]
    own_addresses: frozenset[str]


_known: _Common | None = None


def load_rules(handles: Handles, account: Account) -> LoadedRules:
    """All that decides about the account's messages, as it stands now.

    Raises:
        ConfigurationError: its record type is not installed.
    """
    record_type = record_types.get(account.record_type)
    with handles.database.reading() as session:
        configured = _read(session, handles)
    common, settings = _common(configured), configured.settings
    record_type = record_types.with_labels(record_type, settings.record_labels)
    rules = Rules(
        default_queue=settings.default_queue,
        queues=common.queues,
        addresses=common.addresses,
        trusted=account.trusted,
        mode=account.dispatching,
        account_queue=common.names.get(account.queue_id) if account.queue_id else None,
        plus_addressing=settings.plus_addressing,
        use_x_envelope_to=settings.use_x_envelope_to,
        filters=common.filters,
        values=_control_values(_allowed(settings, record_type)),
        record_type=record_type,
        system_id=settings.system_id,
        hooks=record_types.hooks(),
        followup_in_body=settings.followup_in_body,
        followup_in_attachments=settings.followup_in_attachments,
        loop=_loop_rule(common, handles.mark),
        return_secret=configured.return_secret,
    )
    return LoadedRules(rules, common.queue_ids, configured.handoffs)


def own_addresses(handles: Handles) -> frozenset[str]:
    """What mail of ours comes from, in lower case: system addresses, those of queues, accounts and mailboxes."""
    with handles.database.reading() as session:
        return _common(_read(session, handles)).own_addresses


def _common(configured: _Configured) -> _Common:
    global _known  # noqa: PLW0603 - threads may make the same twice; none ever sees half of it
    known = _known
    if known is None or known.configured != configured:
        known = _known = _made_of(configured)
    return known


def _made_of(configured: _Configured) -> _Common:
    names = {row.id: row.name for row in configured.queues}
    return _Common(
        configured,
        names=names,
        queues={row.name: row.closed for row in configured.queues if row.validity == Validity.VALID.value},
        queue_ids={row.name: row.id for row in configured.queues},
        addresses={row.address.lower(): names[row.queue_id] for row in configured.addresses if row.queue_id in names},
        filters=in_order(
            compile_filter(row.name, stop=row.stop, match=row.match, settings=row.set) for row in configured.filters
        ),
        own_addresses=frozenset(
            address.lower() for text in configured.ours if "@" in text for address in bare_addresses(text)
        ),
    )


def _read(session: Session, handles: Handles) -> _Configured:
    connection = session.connection()
    queues, addresses, filters, ours, hosts = _reads()
    return _Configured(
        handles.settings_in(session),
        connection.execute(queues).all(),
        connection.execute(addresses).all(),
        connection.execute(filters).all(),
        active_handoffs(session),
        connection.scalars(ours).all(),
        connection.scalars(hosts).all(),
        secret_of(session),
    )


@lru_cache(maxsize=1)
def _reads() -> tuple[Any, ...]:
    """The statements of each run, made once."""
    # What mail of ours comes from: system addresses, those of queues and accounts, the senders of mailboxes.
    columns = (_address.c.address, _queue.c.address, _account.c.address, _mailbox.c.default_sender, _mailbox.c.username)
    alive = (_address.c.deleted_at.is_(None), _address.c.validity == Validity.VALID.value)
    filters = select(_filter.c.name, _filter.c.stop, _filter.c.match, _filter.c.set)
    return (
        select(_queue.c.id, _queue.c.name, _queue.c.validity, _queue.c.closed)
        .where(_queue.c.deleted_at.is_(None))
        .order_by(_queue.c.id),
        select(_address.c.address, _address.c.queue_id).where(*alive).order_by(_address.c.id),
        filters.where(_filter.c.deleted_at.is_(None)).order_by(_filter.c.id),
        union_all(*(select(each).where(each.table.c.deleted_at.is_(None), each != "") for each in columns)),
        select(_worker.c.host).distinct().order_by(_worker.c.host),
    )


@lru_cache(maxsize=16)
def _control_values(allowed: AllowedValues) -> ControlValues:
    return ControlValues(allowed)


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


def _loop_rule(common: _Common, host_mark: str) -> LoopRule:
    loop = common.configured.settings.loop
    return LoopRule(
        records=loop.records,
        window=loop.window,
        allow=frozenset(sender.lower() for sender in loop.allow),
        host_marks=frozenset({host_mark, *map(mark_of, common.configured.hosts)}),
        own_addresses=common.own_addresses,
    )
