"""Templates: server settings that mailboxes share; for super security admins alone."""

from __future__ import annotations

from core.resources.template import TEMPLATE
from core.services.verbs import Resource

templates = Resource(TEMPLATE)
