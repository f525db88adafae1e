"""All kinds, in the order of the navigation."""

from __future__ import annotations

import difflib

from core.errors import Misuse
from core.resources.account import ACCOUNT
from core.resources.incoming import EVENT, MESSAGE, QUARANTINE, RECORD, RUN
from core.resources.kind import Kind
from core.resources.mailbox import MAILBOX
from core.resources.outbox import OUTBOX
from core.resources.profile import PROFILE
from core.resources.routing import ADDRESS, DELIVERY, FILTER, HANDOFF, QUEUE
from core.resources.suppression import SUPPRESSION
from core.resources.system import ALERT, AUDIT, SETTING, WORKER
from core.resources.template import TEMPLATE

KINDS: tuple[Kind, ...] = (
    ACCOUNT,
    RUN,
    EVENT,
    MESSAGE,
    QUARANTINE,
    MAILBOX,
    TEMPLATE,
    OUTBOX,
    SUPPRESSION,
    QUEUE,
    ADDRESS,
    FILTER,
    HANDOFF,
    DELIVERY,
    RECORD,
    PROFILE,
    AUDIT,
    ALERT,
    WORKER,
    SETTING,
)

CONFIGURED: tuple[Kind, ...] = (PROFILE, TEMPLATE, MAILBOX, QUEUE, ADDRESS, ACCOUNT, FILTER, HANDOFF)
"""The kinds that TOML holds, in an order in which references can be resolved."""

_BY_NAME = {name: kind for kind in KINDS for name in (kind.name, kind.plural)}


def kind_named(name: str) -> Kind:
    """The kind of that name, singular or plural.

    Raises:
        Misuse: there is none.
    """
    kind = _BY_NAME.get(name.lower())
    if kind is None:
        near = difflib.get_close_matches(name.lower(), _BY_NAME, n=1)
        kinds = f"The kinds are: {', '.join(kind.name for kind in KINDS)}."
        raise Misuse(f"There is no kind {name!r}. {f'Did you mean {near[0]}?' if near else kinds}")
    return kind


def referrers(target: str) -> tuple[tuple[Kind, str], ...]:
    """The kinds and fields that may refer to a kind, to name who stands in the way of a delete."""
    return tuple((kind, field.name) for kind in KINDS for field in kind.fields if field.refers_to == target)
