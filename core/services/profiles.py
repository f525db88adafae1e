"""Profiles: app registrations for signing in with OAuth2."""

from __future__ import annotations

from sqlmodel import Session

from core.errors import Problem
from core.resources.profile import PROFILE
from core.services.drafts import Draft
from core.services.guards import Guards
from core.services.lookup import Stored
from core.services.references import refusal, users_of
from core.services.verbs import Resource

_NEEDED = {
    "authorization_code": ("auth_url", "token_url"),
    "device_code": ("device_url", "token_url"),
}
"""The addresses that a custom provider must name, by method; the others need the token address alone."""


def judged(_: Session, draft: Draft) -> list[Problem]:
    """What the chosen provider and method need."""
    provider, method = draft.values.get("provider"), str(draft.values.get("method"))
    needed: tuple[str, ...] = ()
    if provider == "office365":
        needed = ("tenant_id",)
    elif provider == "custom":
        needed = _NEEDED.get(method, ("token_url",))
    return [draft.problem(name, f"is missing; {provider} needs it.") for name in needed if not draft.values[name]]


def _in_use(session: Session, row: Stored) -> str | None:
    users = users_of(session, PROFILE, row["id"])
    return refusal(PROFILE, row["name"], users) if users else None


profiles = Resource(PROFILE, Guards(judge=judged, in_use=_in_use))
