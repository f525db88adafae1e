"""What OAuth2 gave an account or a mailbox: the token cache, and who signed in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import LargeBinary
from sqlmodel import Field, SQLModel

from core.models.base import BigId, big, moment


class Token(SQLModel, table=True):
    """The tokens of one account or mailbox, shared by all workers; one of them refreshes at a time."""

    __tablename__ = "token"

    kind: str = Field(primary_key=True)
    """`account` or `mailbox`."""
    owner_id: int = Field(primary_key=True, sa_type=BigId, sa_column_kwargs={"autoincrement": False})
    profile_id: int | None = big(nullable=True)
    """The profile they were given under; those of another profile are of no use."""
    key_id: str = ""
    sealed: bytes | None = Field(default=None, sa_type=LargeBinary)
    """Access and refresh token, encrypted as a secret is."""
    expires_at: datetime | None = moment(nullable=True)
    """When the access token ends."""
    refresh_expires_at: datetime | None = moment(nullable=True)
    """When the refresh token ends, as far as the provider says so or is known to do."""
    refused_token: str = ""
    """A hash of the access token that a server refused last: it is not offered again."""
    signed_in_as: str = ""
    """Who signed in, as the provider says."""
    signed_in_at: datetime | None = moment(nullable=True)
    needs_sign_in: str = ""
    """Why a person must sign in again; empty when nobody must."""
    retry_after: datetime | None = moment(nullable=True)
    """The provider asked to be left alone until then, or is out of reach."""
    last_error: str = ""
    lease_owner: str = ""
    lease_until: datetime | None = moment(nullable=True)
    fence: int = big(default=0)
    """Grows with each claim; what a refresh writes names it."""
