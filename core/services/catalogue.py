"""The resources that people configure, by kind."""

from __future__ import annotations

from core.errors import Misuse
from core.resources.kind import Kind
from core.services.accounts import accounts
from core.services.addresses import addresses
from core.services.editing.verbs import Resource
from core.services.filters import filters
from core.services.handoffs import handoffs
from core.services.mailboxes import mailboxes
from core.services.profiles import profiles
from core.services.queues import queues
from core.services.templates import templates

RESOURCES: dict[str, Resource] = {
    resource.kind.name: resource
    for resource in (profiles, templates, mailboxes, queues, addresses, accounts, filters, handoffs)
}
"""Each kind's verbs, in an order in which references can be resolved."""


def resource_of(kind: Kind) -> Resource:
    """The verbs of a kind.

    Raises:
        Misuse: it is not one that people add and change.
    """
    resource = RESOURCES.get(kind.name)
    if resource is None:
        raise Misuse(f"{kind.plural.capitalize()} are not added or changed by hand; only {', '.join(RESOURCES)} are.")
    return resource
