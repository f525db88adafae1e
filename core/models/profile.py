"""App registrations for signing in with OAuth2."""

from __future__ import annotations

from datetime import datetime

from core.models.base import Resource, json_list, moment, unique_while_alive


class Profile(Resource, table=True):
    """An app registration; the tokens belong to the account or mailbox that uses it."""

    __tablename__ = "profile"
    __table_args__ = (unique_while_alive("profile", "name"),)

    name: str
    provider: str
    method: str
    client_id: str
    secret_expires: datetime | None = moment(nullable=True)
    tenant_id: str = ""
    auth_url: str = ""
    token_url: str = ""
    device_url: str = ""
    scopes: list[str] = json_list()
