"""Profiles, and accounts and mailboxes that sign in with them."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session

from core import clock
from core.db.bulk import table_of
from core.handles import Handles
from core.models import Account, Alert, Profile, Token
from core.oauth.app import App
from core.oauth.cache import keep_grant
from core.oauth.grant import Grant
from core.secret import Secret
from core.vault.owner import Owner
from tests.accounts import add_account, rows_of
from tests.fakes.token_server import TokenServer

OFFICE365 = {"provider": "office365", "tenant_id": "contoso.example"}


def app_at(server: TokenServer, method: str, **values: Any) -> App:
    """An app that leads to this provider."""
    values = server.profile(method, **values)
    return App(profile="p", client_secret=values.pop("client_secret", Secret(server.client_secret)), **values)


def add_profile(handles: Handles, server: TokenServer, method: str, *, name: str = "p", **values: Any) -> int:
    """A profile that leads to this provider, with its client's secret."""
    now = clock.utcnow()
    row = server.profile(method, **values)
    secret = row.pop("client_secret", server.client_secret)

    def add(session: Session) -> int:
        profile = Profile(name=name, created_at=now, updated_at=now, **row)
        session.add(profile)
        session.flush()
        assert profile.id is not None
        if secret:
            handles.vault.store(session, "profile", profile.id, "client_secret", Secret(secret))
        return profile.id

    return handles.database.writing(add)


def add_signer(handles: Handles, profile_id: int, *, seed: str = "", **values: Any) -> int:
    """An account with this profile, and a refresh token as a person enters it."""
    account_id = add_account(handles, profile_id=profile_id, **values)
    if seed:
        enter_seed(handles, account_id, seed)
    return account_id


def enter_seed(handles: Handles, account_id: int, seed: str) -> None:
    """Enter a refresh token in the account."""
    handles.database.writing(
        lambda session: handles.vault.store(session, "account", account_id, "refresh_token", Secret(seed))
    )


def change_token(handles: Handles, **values: Any) -> None:
    """Change columns of the only row of tokens as they are."""
    statement = update(table_of(Token)).values(values)
    handles.database.writing(lambda session: session.connection().execute(statement))


def change_profile(handles: Handles, profile_id: int | None, **values: Any) -> None:
    """Change columns of a profile as they are."""
    table = table_of(Profile)
    statement = update(table).where(table.c.id == profile_id).values(values)
    handles.database.writing(lambda session: session.connection().execute(statement))


def account_row(handles: Handles, account_id: int) -> Account:
    """An account as it stands."""
    with handles.database.reading() as session:
        found = session.get(Account, account_id)
    assert found is not None
    return found


def token_row(handles: Handles) -> Any:
    """The only row of tokens there is."""
    (row,) = rows_of(handles, Token, "owner_id")
    return row


def alerts(handles: Handles) -> dict[str, str]:
    """The open alerts."""
    table = table_of(Alert)
    with handles.database.reading() as session:
        rows = session.connection().execute(select(table).where(table.c.closed_at.is_(None))).all()
    return {row.subject: row.text for row in rows}


def sign_in(handles: Handles, provider: TokenServer, account_id: int, **values: object) -> None:
    """Have a person sign in for an account."""
    provider.refresh["signed in"] = "user"
    grant = {
        "access_token": Secret("access"),
        "expires_at": clock.utcnow() + timedelta(hours=1),
        "refresh_token": Secret("signed in"),
        **values,
    }
    keep_grant(handles, Owner("account", account_id), account_row(handles, account_id).profile_id, Grant(**grant))
