"""The first step of a test of what signs in with a profile: a new token, got as a worker would."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace

from sqlmodel import Session

from core.clock import elapsed_ms, monotonic
from core.errors import BadInput, ConfigurationError, LoginRefused, OAuthUnavailable, TokenRefused
from core.handles import Handles
from core.mail.addresses import address_of
from core.models import Profile
from core.oauth.app import App, app_of
from core.oauth.cache import get_token
from core.oauth.given import Given
from core.oauth.held import Held
from core.oauth.permits import what_to_permit
from core.oauth.question import asked
from core.oauth.scopes import Use
from core.oauth.signer import Signer, signer_of
from core.protocols.probe import Step
from core.protocols.server import Login
from core.resources.profile import PROFILE
from core.secret import Secret
from core.services.editing.drafts import Draft
from core.services.lookup import named
from core.vault.owner import Owner, login_owner
from core.vault.ref import Ref


@dataclass(frozen=True)
class TokenLogin:
    """What the other steps of the test work with."""

    login: Login
    signer: Signer
    use: Use
    as_whom: str
    """Who signed in, as the provider says."""

    def explained(self, steps: Iterator[Step]) -> Iterator[Step]:
        """The same steps; a refused login says what has to be permitted, since the token is good."""
        for step in steps:
            yield self._explained(step) if step.step == "login" and isinstance(step.failure, LoginRefused) else step

    def _explained(self, step: Step) -> Step:
        text = f"{str(step.failure).rstrip('.')}. {what_to_permit(self.signer, self.use, self.as_whom)}"
        return replace(step, detail=text, failure=TokenRefused(text, phase="login"))


def token_step(handles: Handles, draft: Draft, use: Use) -> Generator[Step, None, TokenLogin | None]:
    """Get a token; gives back how to log in with it, or `None` when there is none.

    Values that are not saved are tried without keeping what comes of it.

    Raises:
        BadInput: the values cannot be tried before they are saved.
    """
    began = monotonic()
    saved = _saved(handles, draft)
    signer = _signer(handles, draft, use, saved)
    is_saved = saved is not None and (saved.basis, saved.username) == (signer.basis, signer.username)
    try:
        got = get_token(handles, signer, by_hand=True) if is_saved else _tried(draft, signer)
    except (ConfigurationError, OAuthUnavailable) as error:
        yield Step("token", False, elapsed_ms(began), str(error), failure=error)
        return None
    lasts = f"until {got.expires_at:%H:%M} UTC" if got.expires_at else "for now"
    who = f", as {got.signed_in_as}" if got.signed_in_as else ""
    yield Step("token", True, elapsed_ms(began), f"by profile {signer.app.profile}, {lasts}{who}")
    return TokenLogin(Login(signer.username, token=lambda: got.token), signer, use, got.signed_in_as)


def _tried(draft: Draft, given: Signer) -> Given:
    """A token that nobody keeps."""
    if given.app.asks_a_person:
        raise BadInput(problems=(draft.problem("profile", f"is to be signed in with: save it, then {_login(given)}"),))
    if given.app.method == "refresh_token" and given.app.provider == "custom":
        # It may be good once, and what came in its place would not be kept.
        raise BadInput(problems=(draft.problem("refresh_token", "may be used up by a test: save it first."),))
    grant = asked(given, Held(refresh=given.seed))
    return Given(grant.access_token.reveal(), True, grant.signed_in_as, grant.expires_at)


def _saved(handles: Handles, draft: Draft) -> Signer | None:
    if draft.row is None or draft.row["profile_id"] is None:
        return None
    return signer_of(handles, Owner(draft.kind.name, draft.row["id"]))


def _signer(handles: Handles, draft: Draft, use: Use, saved: Signer | None) -> Signer:
    """Who signs in as the values have it, saved or not."""
    owner = Owner(draft.kind.name, draft.row_id or 0)
    if draft.row is not None and owner.kind == "account":
        owner = login_owner(owner.id, draft.row["mailbox_id"])
    with handles.database.reading() as session:
        profile_id: int = named(session, PROFILE, draft.values["profile"])["id"]
        is_same = saved is not None and saved.profile_id == profile_id
        app = saved.app if saved is not None and is_same else _app(handles, session, profile_id, use)
        fields = {"password": "password", "refresh_token": "seed"}
        secrets = {
            fields[field]: _secret(handles, session, draft, owner, field) for field in fields if field == app.method
        }
    return Signer(
        owner=owner,
        name=draft.name or "as it stands here",
        profile_id=profile_id,
        app=app,
        username=draft.values["username"],
        address=address_of(draft.values.get("address") or draft.values.get("default_sender") or ""),
        **secrets,
    )


def _app(handles: Handles, session: Session, profile_id: int, use: Use) -> App:
    profile = session.get(Profile, profile_id)
    assert profile is not None
    return app_of(profile, handles.vault.fetch(session, "profile", profile_id, "client_secret"), (use,))


def _secret(handles: Handles, session: Session, draft: Draft, owner: Owner, field: str) -> Secret | None:
    """The one that was given, or else the one that is kept."""
    if field in draft.secrets:
        given = draft.secrets[field]
        return given.read() if isinstance(given, Ref) else given
    return handles.vault.fetch(session, *owner, field) if owner.id else None


def _login(signer: Signer) -> str:
    return f"postroom oauth login {signer.title}"
