"""Who signs in with a profile: an account or a mailbox, and what it brings along."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from sqlmodel import Session, col, select

from core.errors import ConfigurationError, NotFound
from core.handles import Handles
from core.mail.addresses import address_of
from core.models import Account, AccountType, Mailbox, Profile
from core.oauth.app import App, app_of
from core.oauth.problems import Whom
from core.oauth.scopes import Use
from core.secret import Secret
from core.vault.owner import Owner, login_owner


@dataclass(frozen=True)
class Signer:
    """An account or mailbox that signs in with a profile."""

    owner: Owner
    """Its kind is `account` or `mailbox`."""
    name: str
    profile_id: int
    app: App
    username: str
    """As whom the mail server is to know it; also the hint for the provider's sign-in page."""
    address: str = ""
    """The account's address, or the mailbox's default sender."""
    password: Secret | None = field(default=None, repr=False)
    """For the method `password`."""
    seed: Secret | None = field(default=None, repr=False)
    """The refresh token that a person entered, for the method `refresh_token`."""

    @property
    def kind(self) -> str:
        """`account` or `mailbox`."""
        return self.owner.kind

    @property
    def title(self) -> str:
        """`account support`, as sentences name it."""
        return f"{self.kind} {self.name}"

    @property
    def whom(self) -> Whom:
        """For the sentences about a refusal."""
        return Whom(self.title, self.username, self.cure)

    @property
    def cure(self) -> str:
        """How it signs in again, as a sentence."""
        login = f"postroom oauth login {self.kind} {self.name}"
        match self.app.method:
            case "password":
                return f"Set the right one: postroom set {self.kind} {self.name} --password-stdin"
            case "client_secret":
                return f"Mend profile {self.app.profile}."
            case "refresh_token":
                return f"Enter a new refresh token in {self.title}, or sign in: {login}"
        return f"Sign in again: {login}"

    @property
    def basis(self) -> str:
        """A digest of all that a token depends on: when it differs, what was refused may be granted now.

        It covers secrets, so it is kept sealed only.
        """
        app = self.app
        parts = (
            self.profile_id, app.provider, app.method, app.client_id, app.tenant_id, app.token_url, *app.scopes,
            self.username, self.address, *map(_revealed, (app.client_secret, self.seed, self.password)),
        )  # fmt: skip
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def signer_of(handles: Handles, owner: Owner) -> Signer:
    """Who signs in for this account or mailbox; the inbox of a mailbox signs in as its mailbox does.

    Raises:
        NotFound: there is no such account or mailbox any more.
        ConfigurationError: it has no profile.
        SecretUnreadable: a secret cannot be opened here.
    """
    with handles.database.reading() as session:
        if owner.kind == "account":
            account = session.get(Account, owner.id)
            if account is None:
                raise NotFound("The account is not there any more.")
            if account.mailbox_id is None:
                return _signer(handles, session, account, (_use_of(account),))
            owner = login_owner(owner.id, account.mailbox_id)
        mailbox = session.get(Mailbox, owner.id)
        if mailbox is None:
            raise NotFound("The mailbox is not there any more.")
        return _signer(handles, session, mailbox, _uses_of(session, mailbox))


def _signer(handles: Handles, session: Session, row: Account | Mailbox, uses: tuple[Use, ...]) -> Signer:
    kind, address = (
        ("account", row.address) if isinstance(row, Account) else ("mailbox", address_of(row.default_sender))
    )
    profile = session.get(Profile, row.profile_id) if row.profile_id is not None else None
    if profile is None or profile.id is None or row.id is None:
        raise ConfigurationError(f"{kind.capitalize()} {row.name} has no sign-in profile. Choose one.")
    secret = handles.vault.fetch(session, "profile", profile.id, "client_secret")
    wants_password, wants_seed = profile.method == "password", profile.method == "refresh_token"
    owner = Owner(kind, row.id)
    return Signer(
        owner=owner,
        name=row.name,
        profile_id=profile.id,
        app=app_of(profile, secret, uses),
        username=row.username,
        address=address,
        password=handles.vault.fetch(session, *owner, "password") if wants_password else None,
        seed=handles.vault.fetch(session, *owner, "refresh_token") if wants_seed else None,
    )


def _use_of(account: Account) -> Use:
    return Use.IMAP if AccountType(account.type).is_imap else Use.POP


def _uses_of(session: Session, mailbox: Mailbox) -> tuple[Use, ...]:
    inboxes = select(Account).where(col(Account.mailbox_id) == mailbox.id, col(Account.deleted_at).is_(None))
    return (*{_use_of(account) for account in session.exec(inboxes)}, Use.SMTP)


def _revealed(secret: Secret | None) -> str:
    return secret.reveal() if secret else ""
