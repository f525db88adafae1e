"""Reading what a token endpoint says; a provider may lie, so everything is looked at before it is believed."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from core.errors import OAuthUnavailable
from core.oauth.grant import Grant
from core.secret import Secret
from core.text import bounded, clean

USUAL_LIFE = 3600.0
"""Seconds an access token lasts when the provider does not say (RFC 6749 §5.1 lets it); most give an hour."""

_LONGEST_LIFE = 30 * 24 * 3600.0
_LONGEST_REFRESH_LIFE = 10 * 365 * 24 * 3600.0
_TOKEN = re.compile(r"[\x21-\x7e]{1,65536}")
_NAMES = ("preferred_username", "email", "upn", "unique_name")


def grant_from(answer: Mapping[str, Any], now: datetime, place: str) -> Grant:
    """The grant in an answer.

    Args:
        answer: the JSON object, or what a library made of it.
        now: when it came.
        place: who gave it, for sentences.

    Raises:
        OAuthUnavailable: it makes no sense.
    """
    access = _token(answer.get("access_token"))
    if access is None:
        raise _nonsense(place, "an answer without an access token that could be sent")
    kind = answer.get("token_type", "Bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise _nonsense(
            place, f"a token of the type {bounded(clean(str(kind)), 40)!r}; mail servers take Bearer tokens"
        )
    lasts = _seconds(answer.get("expires_in"), _LONGEST_LIFE, USUAL_LIFE)
    if lasts <= 0:
        raise _nonsense(place, "an access token that has run out already")
    names = names_in(answer)
    refresh_lasts = _seconds(answer.get("refresh_token_expires_in"), _LONGEST_REFRESH_LIFE, 0.0)
    return Grant(
        access_token=access,
        expires_at=now + timedelta(seconds=lasts),
        refresh_token=_token(answer.get("refresh_token")),
        refresh_expires_at=now + timedelta(seconds=refresh_lasts) if refresh_lasts > 0 else None,
        signed_in_as=names[0] if names else "",
        also_known_as=names[1:],
    )


def names_in(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """Who signed in: the names in the id token, which needs no check, as it came straight from the provider by TLS
    (OpenID Connect Core §3.1.3.7)."""
    claims = answer.get("id_token_claims")
    if not isinstance(claims, Mapping):
        claims = _claims(answer.get("id_token"))
    found = [claims.get(name) for name in _NAMES]
    return tuple(dict.fromkeys(clean(one) for one in found if isinstance(one, str) and 0 < len(one) <= 320))


def _claims(id_token: object) -> Mapping[str, Any]:
    try:
        body = str(id_token).split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (ValueError, IndexError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _token(value: object) -> Secret | None:
    return Secret(value) if isinstance(value, str) and _TOKEN.fullmatch(value) else None


def _seconds(value: object, most: float, default: float) -> float:
    try:
        number = float(value) if isinstance(value, int | float | str) else default
    except (ValueError, OverflowError):
        return default
    return default if math.isnan(number) else min(number, most)


def _nonsense(place: str, what: str) -> OAuthUnavailable:
    return OAuthUnavailable(f"No token for now: {place} gave {what}. Check the token address.", host=place)
