"""Profiles: app registrations for signing in with OAuth2."""

from __future__ import annotations

from sqlmodel import Session

from core import clock
from core.errors import Problem
from core.resources.methods import Method, method_of, why_not
from core.resources.profile import PROFILE
from core.services.editing.drafts import Draft
from core.services.editing.guards import Guards
from core.services.editing.verbs import Resource
from core.services.lookup import Stored
from core.services.references import refusal, users_of


def judged(_: Session, draft: Draft) -> list[Problem]:
    """What the chosen provider and method need."""
    if not draft.is_read("provider", "method"):
        return []
    provider, name = str(draft.values.get("provider")), str(draft.values.get("method"))
    method = method_of(provider, name)
    if method is None:
        return [draft.problem("method", why_not(provider, name))]
    needed = [one for one in method.needed if not _is_secret(one) and not draft.values.get(one)]
    return [draft.problem(one, f"is missing; {provider} with {name} needs it.") for one in needed]


def warned(_session: Session, draft: Draft) -> list[str]:
    """What may be, and yet is worth a word."""
    method = method_of(draft.values.get("provider"), draft.values.get("method"))
    if method is None:
        return []
    words = [method.retired] if method.retired and draft.moved("provider", "method") else []
    # Exports hold no secrets, so one may come later; without it nobody signs in.
    words += [_secret_missing(draft, one) for one in method.needed if _is_secret(one) and not _is_there(draft, one)]
    unused = _unused(draft, method)
    if unused:
        words.append(f"{method.title} has no use for {', '.join(unused)}; what stands there is not looked at.")
    ends = draft.values.get("secret_expires")
    if ends is not None and ends <= clock.utcnow() and "secret_expires" in method.fields:
        words.append(f"The client secret ended on {ends:%Y-%m-%d}. Make a new one at the provider and enter its value.")
    return words


def _secret_missing(draft: Draft, field: str) -> str:
    return (
        f"Profile {draft.name} has no {field.replace('_', ' ')} yet, and cannot sign in without: "
        f"postroom set profile {draft.name} --password-stdin"
    )


def _unused(draft: Draft, method: Method) -> list[str]:
    always = {"name", "provider", "method", *method.fields}
    given = [one for one in PROFILE.fields if one.name not in always and not one.is_secret]
    return [one.name for one in given if draft.values.get(one.name)]


def _is_secret(field: str) -> bool:
    described = PROFILE.field(field)
    return described is not None and described.is_secret


def _is_there(draft: Draft, field: str) -> bool:
    return draft.secrets[field] is not None if field in draft.secrets else field in draft.kept


def _in_use(session: Session, row: Stored) -> str | None:
    users = users_of(session, PROFILE, row["id"])
    return refusal(PROFILE, row["name"], users) if users else None


profiles = Resource(PROFILE, Guards(judge=judged, warn=warned, in_use=_in_use))
