"""Addresses: the e-mail addresses that belong to us, and the queues their mail goes to."""

from __future__ import annotations

from core.resources.routing import ADDRESS
from core.services.editing.verbs import Resource

addresses = Resource(ADDRESS)
