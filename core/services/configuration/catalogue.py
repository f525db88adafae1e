"""The resources that people configure, by kind."""

from __future__ import annotations

from core.errors import Misuse
from core.resources.kind import Kind
from core.services.configuration.accounts import accounts
from core.services.configuration.addresses import addresses
from core.services.configuration.filters import filters
from core.services.configuration.handoffs import handoffs
from core.services.configuration.mailboxes import mailboxes
from core.services.configuration.profiles import profiles
from core.services.configuration.queues import queues
from core.services.configuration.templates import templates
from core.services.editing.verbs import Resource

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
