"""Accounts: the incoming mailboxes that are fetched."""

from __future__ import annotations

from core.resources.account import ACCOUNT
from core.services.verbs import Resource

accounts = Resource(ACCOUNT)
