"""Who signed in is compared with the account whenever the token is used."""

import pytest

from core.errors import NeedsSignIn, OAuthRefused
from core.oauth.cache import access_token
from core.vault.owner import Owner
from tests.accounts import ON_SQLITE, change_account
from tests.oauth.worlds import add_profile, add_signer, alerts, sign_in, token_row

pytestmark = ON_SQLITE


def test_somebody_else_who_signs_in_is_refused_with_what_to_do(handles, provider):
    account_id = add_signer(handles, add_profile(handles, provider, "device_code"), username="support@example.org")
    with pytest.raises(OAuthRefused) as refused:
        sign_in(handles, provider, account_id, signed_in_as="sam@example.org")
    assert str(refused.value).startswith("sam@example.org signed in, but account a is for support@example.org: sign")
    assert str(refused.value).endswith("postroom set account a address=sam@example.org")
    change_account(handles, account_id, address="sam@example.org")
    sign_in(handles, provider, account_id, signed_in_as="Sam@example.org")
    assert token_row(handles).signed_in_as == "Sam@example.org"


def test_an_account_that_becomes_somebody_elses_wants_their_sign_in(handles, provider):
    account_id = add_signer(handles, add_profile(handles, provider, "device_code"), username="ann@example.org")
    sign_in(handles, provider, account_id, signed_in_as="ann@corp.example", also_known_as=("ann@example.org",))
    access_token(handles, Owner("account", account_id))
    change_account(handles, account_id, username="bob@example.org")
    with pytest.raises(NeedsSignIn, match=r"ann@corp\.example signed in, but account a is for bob@example\.org"):
        access_token(handles, Owner("account", account_id))
    assert len(alerts(handles)) == 1
    change_account(handles, account_id, username="ann@example.org")
    access_token(handles, Owner("account", account_id))
    assert alerts(handles) == {}


def test_a_sign_in_that_would_end_within_the_hour_is_refused(handles, provider, account_id):
    with pytest.raises(OAuthRefused, match="no refresh token"):
        sign_in(handles, provider, account_id, refresh_token=None)


def test_an_entered_token_of_somebody_else_is_told(handles, provider):
    profile_id = add_profile(handles, provider, "refresh_token")
    seed = provider.sign_in("sam@example.org")
    provider.rotates = True
    account_id = add_signer(handles, profile_id, seed=seed, username="support@example.org")
    with pytest.raises(NeedsSignIn, match=r"sam@example\.org signed in, but account a is for support@"):
        access_token(handles, Owner("account", account_id))
