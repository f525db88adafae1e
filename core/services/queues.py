"""Queues: where records land."""

from __future__ import annotations

from core.resources.routing import QUEUE
from core.services.verbs import Resource

queues = Resource(QUEUE)
