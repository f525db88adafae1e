"""In which queue a new record lands."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from core.inbound.control_headers import Controls
from core.inbound.trail import Complaint, Stage, Step
from core.mail.addresses import bare_addresses
from core.mail.headers import Headers

ADDRESS_HEADERS = ("Resent-To", "Envelope-To", "To", "Cc", "Delivered-To", "X-Original-To")
"""Where a system address is looked for, in this order."""

_WITH_X_ENVELOPE_TO = (*ADDRESS_HEADERS, "X-Envelope-To")


class DispatchMode(StrEnum):
    """How an account's new records find their queue."""

    TO = "to"
    """By the first system address the message went to."""
    QUEUE = "queue"
    """All in the account's queue, whatever the address."""


class Dispatched(NamedTuple):
    """The queue of a new record, and why."""

    queue: str
    steps: tuple[Step, ...]
    complaints: tuple[Complaint, ...] = ()


class _Addressed(NamedTuple):
    """A system address that a message went to."""

    header: str
    """Where it stands."""
    address: str
    queue: str


def dispatch(
    mode: DispatchMode | str,
    headers: Headers,
    addresses: Mapping[str, str],
    controls: Controls,
    valid_queues: Container[str],
    *,
    account_queue: str | None,
    default_queue: str,
    plus_addressing: bool = False,
    use_x_envelope_to: bool = False,
) -> Dispatched:
    """Choose the queue: a Queue control header, else the account's queue or the system address, else the default.

    `addresses` maps valid system addresses in lower case to their queues. A queue that is not valid counts as absent.
    """
    sought = _WITH_X_ENVELOPE_TO if use_x_envelope_to else ADDRESS_HEADERS
    if mode == DispatchMode.QUEUE:
        found = _by_account(account_queue, valid_queues, default_queue)
    else:
        recipients = _system_addresses(headers, sought, addresses, plus_addressing=plus_addressing)
        found = _by_address(recipients, valid_queues, default_queue)
    asked_for = controls.get("Queue")
    if not asked_for:
        return found
    if asked_for in valid_queues:
        why = f"queue {asked_for}, as a control header says; without it {found.steps[0].why}"
        return Dispatched(asked_for, (Step(Stage.DISPATCH, "Queue", why),))
    complaint = Complaint("Queue", asked_for, "There is no valid queue of that name; it was passed over.")
    return found._replace(complaints=(complaint, *found.complaints))


def _by_account(account_queue: str | None, valid_queues: Container[str], default_queue: str) -> Dispatched:
    if account_queue is not None and account_queue in valid_queues:
        step = Step(Stage.DISPATCH, "account", f"queue {account_queue}, the account's for new records")
        return Dispatched(account_queue, (step,))
    complaint = Complaint("account", account_queue or "", "The account's queue is not valid; the default stands.")
    step = Step(Stage.DISPATCH, "default", f"queue {default_queue}: the account's queue is not valid")
    return Dispatched(default_queue, (step,), (complaint,))


def _by_address(recipients: Iterable[_Addressed], valid_queues: Container[str], default_queue: str) -> Dispatched:
    complaints: tuple[Complaint, ...] = ()
    for header, address, queue in recipients:
        if queue in valid_queues:
            found = _found(header, address, queue)
            return found._replace(complaints=complaints) if complaints else found
        complaints += (Complaint(header, address, f"The address's queue {queue} is not valid; it was passed over."),)
    if not complaints:
        return _found_nothing(default_queue)
    first = complaints[0].value
    why = f"queue {default_queue}: no system address among its recipients, as {first}, has a valid queue"
    return Dispatched(default_queue, (Step(Stage.DISPATCH, "default", why),), complaints)


@lru_cache(maxsize=1024)
def _found(header: str, address: str, queue: str) -> Dispatched:
    return Dispatched(queue, (Step(Stage.DISPATCH, header, f"queue {queue}, by the address {address}"),))


@lru_cache(maxsize=16)
def _found_nothing(default_queue: str) -> Dispatched:
    why = f"queue {default_queue}: no system address among its recipients"
    return Dispatched(default_queue, (Step(Stage.DISPATCH, "default", why),))


def _system_addresses(
    headers: Headers, sought: tuple[str, ...], addresses: Mapping[str, str], *, plus_addressing: bool
) -> Iterator[_Addressed]:
    """Every system address, in the order in which they count."""
    if not addresses:
        return
    for name in sought:
        for value in headers.raw_all(name):
            for written in bare_addresses(value):
                address = written.lower()
                if (queue := addresses.get(address)) is not None:
                    yield _Addressed(name, address, queue)
                elif plus_addressing and (queue := addresses.get(without_tag(address))) is not None:
                    yield _Addressed(name, f"{without_tag(address)} (plus-addressing: {address})", queue)


def without_tag(address: str) -> str:
    """`help@example.org` from `help+anything@example.org` (RFC 5233)."""
    local_part, at, domain = address.rpartition("@")
    return f"{local_part.partition('+')[0]}{at}{domain}"
