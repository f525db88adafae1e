"""Each grant end to end on real servers: profile, token, login, fetch; and profile, token, login, send."""

from typing import Any

import pytest

from core.handles import Handles
from core.models import Token
from core.oauth.cache import keep_grant
from core.oauth.sign_in import begin_code, begin_device, finish_code, poll_device
from core.oauth.signer import signer_of
from core.outbound.sending.deliver import deliver_due
from core.secret import Secret
from core.vault.owner import Owner
from tests.accounts import ON_SQLITE, add_account, at, fetched_well, message, rows_of, stored
from tests.fakes.token_server import TokenServer
from tests.oauth.worlds import OFFICE365, add_profile, add_signer
from tests.outbound.world import QUICK, add_mailbox, attempts, put, states
from tests.servers.tokens import TokenDovecot, TokenSink

pytestmark = ON_SQLITE

GRANTS = [
    ("gmail", "refresh_token"),
    ("gmail", "authorization_code"),
    ("office365", "client_secret"),
    ("office365", "password"),
    ("office365", "refresh_token"),
    ("office365", "authorization_code"),
    ("office365", "device_code"),
    ("custom", "client_secret"),
    ("custom", "password"),
    ("custom", "refresh_token"),
    ("custom", "authorization_code"),
    ("custom", "device_code"),
]


def prepared(handles: Handles, provider: TokenServer, method: str, kind: str, owner_id: int, user: str) -> None:
    """What a person or an administrator does before mail flows."""
    provider.application_user = user
    provider.passwords[user] = "the password"
    store = {"password": "the password", "refresh_token": provider.sign_in(user)}
    if method in store:
        handles.database.writing(
            lambda session: handles.vault.store(session, kind, owner_id, method, Secret(store[method]))
        )
    signer = signer_of(handles, Owner(kind, owner_id))
    if method == "device_code":
        begun = begin_device(signer.app, user)
        assert poll_device(signer.app, begun) is None
        provider.enter_code(user)
        grant = poll_device(signer.app, begun)
        assert grant is not None
        keep_grant(handles, Owner(kind, owner_id), signer.profile_id, grant)
    elif method == "authorization_code":
        begun_code = begin_code(signer.app, user, "http://localhost:8400")
        came_back = provider.browse(begun_code.url, user)
        keep_grant(handles, Owner(kind, owner_id), signer.profile_id, finish_code(signer.app, begun_code, came_back))


def profile_for(handles: Handles, provider: TokenServer, maker: str, method: str) -> int:
    values: dict[str, Any] = {"custom": {}, "gmail": {"provider": "gmail"}, "office365": OFFICE365}[maker]
    return add_profile(handles, provider, method, **values)


@pytest.mark.parametrize(("maker", "method"), GRANTS)
def test_every_grant_fetches(maker, method, handles, provider: TokenServer, token_dovecot: TokenDovecot):
    user = token_dovecot.fresh_user()
    token_dovecot.deliver(user, [message(1), message(2)])
    profile_id = profile_for(handles, provider, maker, method)
    kind = "POP3S" if maker == "custom" else "IMAPTLS"
    account_id = add_signer(handles, profile_id, **at(token_dovecot, user, kind))
    prepared(handles, provider, method, "account", account_id, user)
    fetched_well(handles)
    assert len(stored(handles)) == 2
    asked = len(provider.asked)
    fetched_well(handles)
    assert len(provider.asked) == asked  # the token is kept


@pytest.mark.parametrize(("maker", "method"), GRANTS)
def test_every_grant_sends(maker, method, handles, provider: TokenServer, token_sink: TokenSink):
    user = "sender@example.org"
    profile_id = profile_for(handles, provider, maker, method)
    mailbox_id = add_mailbox(handles, "m", token_sink, t_smtp_auth=True, username=user, profile_id=profile_id)
    prepared(handles, provider, method, "mailbox", mailbox_id, user)
    put(handles, 2)
    deliver_due(handles, timeouts=QUICK)
    assert states(handles) == ["sent", "sent"], [one.text for one in attempts(handles)]
    assert {delivered.user for delivered in token_sink.deliveries} == {user}


@pytest.mark.parametrize("kind", ["IMAP", "POP3"])
@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer"])
def test_imap_and_pop3_speak_both_mechanisms(kind, mechanism, handles, provider, introspector, certificates):
    with TokenDovecot(certificates.good, introspector, mechanism) as dovecot:
        user = dovecot.fresh_user()
        dovecot.deliver(user, [message(1)])
        add_signer(handles, add_profile(handles, provider, "client_secret"), **at(dovecot, user, kind))
        provider.application_user = user
        fetched_well(handles)
        assert len(stored(handles)) == 1


def test_a_mailbox_sends_and_its_inbox_is_fetched_with_one_token(handles, provider, token_dovecot, token_sink):
    user = token_dovecot.fresh_user()
    token_dovecot.deliver(user, [message(1)])
    profile_id = add_profile(handles, provider, "refresh_token")
    mailbox_id = add_mailbox(handles, "m", token_sink, t_smtp_auth=True, username=user, profile_id=profile_id)
    add_account(handles, profile_id=profile_id, mailbox_id=mailbox_id, **at(token_dovecot, user))
    seed = Secret(provider.sign_in(user))
    handles.database.writing(lambda session: handles.vault.store(session, "mailbox", mailbox_id, "refresh_token", seed))
    put(handles)
    deliver_due(handles, timeouts=QUICK)
    fetched_well(handles)
    assert states(handles) == ["sent"]
    assert len(stored(handles)) == 1
    assert provider.grants == ["refresh_token"]
    assert [(row.kind, row.owner_id) for row in rows_of(handles, Token, "owner_id")] == [("mailbox", mailbox_id)]
