"""What is kept of an account's or mailbox's tokens, opened; and what is to be done with it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from core.models import Token
from core.oauth.grant import Grant
from core.oauth.person import is_the_owner, wrong_person
from core.oauth.signer import Signer
from core.secret import Secret

EARLY = timedelta(minutes=5)
"""So long before its end a token is renewed; of one that lives shortly, the last tenth."""

BARELY = timedelta(seconds=10)
"""A token that lasts no longer is of no use to a login that begins now."""


class Step(Enum):
    """What to do for a token."""

    USE = "use"
    """The one that is kept."""
    RENEW = "renew"
    """Ask the provider."""
    WAIT = "wait"
    """The provider is not to be asked yet."""
    SIGN_IN = "sign in"
    """Only a person can help."""


@dataclass(frozen=True)
class Held:
    """The tokens of one account or mailbox as they are kept."""

    access: Secret | None = None
    refresh: Secret | None = None
    expires_at: datetime | None = None
    renew_at: datetime | None = None
    """From then on the access token is renewed, though it is still good."""
    refresh_expires_at: datetime | None = None
    basis: str = field(default="", repr=False)
    """`Signer.basis` when this was written."""
    seed: str = field(default="", repr=False)
    """A digest of the seed that was there when the refresh token came."""
    profile_id: int | None = None
    refused_token: str = ""
    """`digest_of` the access token that a mail server refused last."""
    signed_in_as: str = ""
    names: tuple[str, ...] = ()
    """Who signed in, by all names the provider has for them."""
    needs_sign_in: str = ""
    told_need: str = ""
    """The need as the row has it, for others to see."""
    retry_after: datetime | None = None
    last_error: str = ""
    is_refused: bool = False
    """Whether `last_error` is a refusal of the app, which a person must mend."""
    sealed: bytes | None = field(default=None, repr=False)
    """As it stands in the row: who changes it compares."""
    asked_with: str = field(default="", repr=False)
    """Of what a provider gave: a digest of the refresh token that it was asked with, and may have taken back."""


def held_in(row: Token | None, content: bytes) -> Held:
    """The row of the database and what was sealed in it."""
    if row is None:
        return Held()
    kept: dict[str, Any] = json.loads(content) if content else {}
    renew_at = kept.get("renew_at")
    return Held(
        access=Secret(kept["access"]) if kept.get("access") else None,
        refresh=Secret(kept["refresh"]) if kept.get("refresh") else None,
        expires_at=row.expires_at,
        renew_at=datetime.fromisoformat(renew_at) if renew_at else None,
        refresh_expires_at=row.refresh_expires_at,
        basis=kept.get("basis", ""),
        seed=kept.get("seed", ""),
        profile_id=row.profile_id,
        refused_token=row.refused_token,
        signed_in_as=row.signed_in_as,
        names=tuple(kept.get("names", ())),
        needs_sign_in=row.needs_sign_in,
        told_need=row.needs_sign_in,
        retry_after=row.retry_after,
        last_error=row.last_error,
        is_refused=bool(kept.get("is_refused")),
        sealed=row.sealed,
    )


def content_of(held: Held) -> bytes:
    """What is to be sealed of it."""
    return json.dumps(
        {
            "access": held.access.reveal() if held.access else "",
            "refresh": held.refresh.reveal() if held.refresh else "",
            "renew_at": held.renew_at.isoformat() if held.renew_at else "",
            "basis": held.basis,
            "seed": held.seed,
            "is_refused": held.is_refused,
            "names": held.names,
        }
    ).encode()


def brought_up_to_date(held: Held, signer: Signer) -> Held:
    """What still holds for the account, mailbox and profile as they are now.

    Another profile: nothing. Other settings of it, another password: the access token does not, nor what was refused;
    what an earlier sign-in left may still do, unless the account is somebody else's now. A new seed takes the place of
    the refresh token that came from the last.
    """
    seed = digest_of(signer.seed)
    if held.profile_id != signer.profile_id:
        held = Held(
            sealed=held.sealed, refused_token=held.refused_token, profile_id=signer.profile_id, seed=seed,
            told_need=held.told_need,
        )  # fmt: skip
    elif held.basis != signer.basis:
        held = replace(
            held, access=None, expires_at=None, renew_at=None, needs_sign_in="", retry_after=None, last_error="",
            is_refused=False,
        )  # fmt: skip
    if signer.app.asks_a_person and not is_the_owner(held.names, signer.username, signer.address):
        need = wrong_person(held.names[0], signer)
        held = replace(held, access=None, expires_at=None, renew_at=None, needs_sign_in=need)
    if signer.seed is not None and (held.refresh is None or held.seed != seed):
        held = replace(held, refresh=signer.seed, refresh_expires_at=None, seed=seed)
    return replace(held, basis=signer.basis)


def next_step(held: Held, signer: Signer, now: datetime) -> Step:
    """What to do, with what `brought_up_to_date` gave."""
    if held.needs_sign_in:
        return Step.SIGN_IN
    is_good = _is_good(held, now)
    if is_good and held.renew_at is not None and now < held.renew_at:
        return Step.USE
    if held.retry_after is not None and now < held.retry_after:
        return Step.USE if is_good else Step.WAIT
    needs_refresh_token = signer.app.asks_a_person or signer.app.method == "refresh_token"
    if needs_refresh_token and held.refresh is None:
        return Step.USE if is_good else Step.SIGN_IN
    return Step.RENEW


def with_grant(held: Held, grant: Grant, now: datetime) -> Held:
    """What is to be kept after the provider's answer."""
    return replace(
        held,
        access=grant.access_token,
        refresh=grant.refresh_token or held.refresh,
        expires_at=grant.expires_at,
        renew_at=grant.expires_at - min(EARLY, (grant.expires_at - now) / 10),
        refresh_expires_at=grant.refresh_expires_at or (None if grant.refresh_token else held.refresh_expires_at),
        signed_in_as=grant.signed_in_as or held.signed_in_as,
        names=grant.names or held.names,
        needs_sign_in="",
        retry_after=None,
        last_error="",
        is_refused=False,
        asked_with=digest_of(held.refresh),
    )


def digest_of(secret: Secret | None) -> str:
    """What may stand in clear for a token: it is too long to be guessed."""
    return hashlib.sha256(secret.reveal().encode()).hexdigest() if secret else ""


def _is_good(held: Held, now: datetime) -> bool:
    if held.access is None or held.expires_at is None:
        return False
    if digest_of(held.access) == held.refused_token:
        return False
    # Of one that lives for seconds only, all of them count.
    barely = min(BARELY, held.expires_at - held.renew_at) if held.renew_at is not None else BARELY
    return now < held.expires_at - barely
