"""Signing in with OAuth2 for an account or a mailbox: with a code on another screen, or with a browser.

Who may not read the key hands the work to a worker by a request, and follows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session

from core.errors import ConfigurationError
from core.handles import Handles
from core.models import Audit, Profile
from core.oauth import waiting
from core.oauth.app import app_of
from core.oauth.sign_in import CodeSignIn, begin_code
from core.oauth.waiting import Pause, Prompt, SignedIn
from core.resources.account import ACCOUNT
from core.resources.kind import Kind
from core.resources.mailbox import MAILBOX
from core.resources.methods import REFUSED, method_of
from core.services import access, audit
from core.services.actor import Actor
from core.services.lookup import named
from core.services.signing_in import sign_in_orders
from core.services.signing_in.sign_in_orders import VERB
from core.vault.owner import Owner, login_owner


class Flow(StrEnum):
    """How a person signs in."""

    DEVICE = "device"
    """With a code, on any other screen (RFC 8628)."""
    BROWSER = "browser"
    """With a browser, which comes back with a code of its own (RFC 6749 §4.1)."""


@dataclass(frozen=True)
class Whose:
    """Who signs in, and with what."""

    owner: Owner
    name: str
    username: str
    profile: Profile

    @property
    def kind(self) -> str:
        """`account` or `mailbox`."""
        return self.owner.kind

    @property
    def subject(self) -> str:
        """As requests name it."""
        return f"{self.kind}:{self.name}"

    @property
    def title(self) -> str:
        """As sentences name it."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class InBrowser:
    """A sign-in that waits for a browser to come back."""

    whose: Whose
    begun: CodeSignIn

    @property
    def url(self) -> str:
        """What the browser is to open."""
        return self.begun.url

    @property
    def expires_at(self) -> datetime:
        """Until when it may come back."""
        return self.begun.expires_at


def flow_for(handles: Handles, actor: Actor, kind: str, name: str | int, wanted: Flow | None = None) -> Flow:
    """How somebody signs in for this account or mailbox: as its profile says, unless another way is wanted.

    Raises:
        NotPermitted: only who may change credentials signs in.
        NotFound: there is no such account or mailbox.
        ConfigurationError: it has no profile, or one for which nobody signs in, or not this way.
    """
    whose = _whose(handles, actor, kind, name)
    profile = whose.profile
    method = method_of(profile.provider, profile.method)
    if method is None or profile.method in {"client_secret", "password"}:
        title = method.title if method else f"{profile.provider} with {profile.method}"
        raise ConfigurationError(
            f"Nobody has to sign in for {whose.title}: profile {profile.name} gets its tokens by itself ({title}). "
            f"Try it: postroom test {whose.title}"
        )
    flow = wanted or (Flow.DEVICE if profile.method == "device_code" else Flow.BROWSER)
    if flow is Flow.DEVICE and (why := REFUSED.get((profile.provider, "device_code"))):
        raise ConfigurationError(f"{why} Sign in with a browser: postroom oauth login {whose.title} --paste")
    missing = {Flow.DEVICE: "device_url", Flow.BROWSER: "auth_url"}[flow]
    if profile.provider == "custom" and not getattr(profile, missing):
        raise ConfigurationError(f"Profile {profile.name} has no {missing}, which signing in this way needs. Enter it.")
    return flow


def by_device(handles: Handles, actor: Actor, kind: str, name: str | int, pause: Pause) -> Iterator[Prompt | SignedIn]:
    """First what the person is to do, then, once they have done it and it is kept, who signed in.

    Args:
        handles: what this process holds open.
        actor: who asks for it.
        kind: `account` or `mailbox`.
        name: its name or id.
        pause: waits; when it says that the person has given up, nothing more comes and nothing is left behind.

    Raises:
        NotPermitted, NotFound, ConfigurationError: as `flow_for`.
        OAuthRefused: the provider refuses, the person declined, somebody else signed in, or the code has run out.
        OAuthUnavailable: the provider cannot be asked.
        WorkerNeeded: this process may not read the key, and no worker is alive that could do it.
    """
    whose = _whose(handles, actor, kind, name)
    if not handles.vault.can_open():
        yield from sign_in_orders.by_device(handles, actor, whose.subject, pause)
        return
    for step in waiting.by_device(handles, whose.owner, pause):
        if isinstance(step, SignedIn):
            _note(handles, actor, whose, step)
        yield step


def in_browser(handles: Handles, actor: Actor, kind: str, name: str | int, redirect_uri: str) -> InBrowser:
    """The address that the person opens; the browser comes back to `redirect_uri`. Nothing is written."""
    whose = _whose(handles, actor, kind, name)
    # Whoever begins needs no secret: that is for the exchange of the code.
    app = app_of(whose.profile, None)
    return InBrowser(whose, begin_code(app, whose.username, redirect_uri))


def finish(handles: Handles, actor: Actor, browser: InBrowser, answer: str, pause: Pause) -> SignedIn | None:
    """Keep what the browser came back with: the address it was sent to, or its query; `None` if given up.

    Raises:
        BadInput: it is no such address, or belongs to another sign-in.
        OAuthRefused: the provider refuses, the person declined, somebody else signed in, or it has run out.
        OAuthUnavailable: the provider cannot be asked now.
        WorkerNeeded: this process may not read the key, and no worker is alive that could do it.
    """
    whose = browser.whose
    access.require(actor, VERB, whose.kind)
    if not handles.vault.can_open():
        return sign_in_orders.by_code(handles, actor, whose.subject, browser.begun, answer=answer, pause=pause)
    done = waiting.by_code(handles, whose.owner, browser.begun, answer)
    _note(handles, actor, whose, done)
    return done


def _whose(handles: Handles, actor: Actor, kind: str, name: str | int) -> Whose:
    access.require(actor, VERB, kind)
    described: Kind = ACCOUNT if kind == ACCOUNT.name else MAILBOX
    with handles.database.reading() as session:
        row = named(session, described, name)
        owner = Owner(kind, row["id"])
        if described is ACCOUNT:
            owner = login_owner(row["id"], row["mailbox_id"])
        if owner.kind != kind:  # an inbox signs in as its mailbox does
            row = dict(named(session, MAILBOX, owner.id))
        profile = session.get(Profile, row["profile_id"]) if row["profile_id"] is not None else None
    if profile is None:
        raise ConfigurationError(
            f"{owner.kind.capitalize()} {row['name']} has no sign-in profile. Give it one: "
            f"postroom set {owner.kind} {row['name']} profile=NAME"
        )
    return Whose(owner, row["name"], row["username"], profile)


def _note(handles: Handles, actor: Actor, whose: Whose, done: SignedIn) -> None:
    def work(session: Session) -> Audit:
        after = {"profile": whose.profile.name, "signed_in_as": done.as_whom}
        return audit.note(session, actor, VERB, whose.kind, whose.name, after=after)

    audit.publish(handles.database.writing(work))
    handles.changes.moved(whose.kind, "audit")
