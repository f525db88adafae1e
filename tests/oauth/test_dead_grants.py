"""Grants that are dead, and apps that are refused: asked for once, told, and tried again when something has changed."""

from datetime import UTC, datetime

import pytest

from core import clock
from core.errors import NeedsSignIn, OAuthRefused, OAuthUnavailable
from core.inbound.troubles import tell_troubles
from core.models import Status
from core.oauth.cache import access_token, get_token
from core.oauth.signer import signer_of
from core.secret import Secret
from core.vault.owner import Owner
from tests.accounts import ON_SQLITE, change_account, fetch, lines, status_of
from tests.fakes.token_server import DOWN, GONE, as_microsoft
from tests.oauth.worlds import OFFICE365, account_row, add_profile, add_signer, alerts, enter_seed, sign_in

pytestmark = ON_SQLITE


def test_a_dead_grant_asks_for_a_sign_in_once_and_is_left_alone(handles, provider, account_id, later):
    provider.always = GONE
    for _ in range(3):
        [outcome] = fetch(handles).outcomes
        assert outcome.fault == "configuration"
        later(days=1)
    assert len(provider.asked) == 1
    assert status_of(handles, account_id).status == Status.NEEDS_SIGN_IN
    text = alerts(handles)["sign-in:account:a"]
    assert text.startswith("Account a needs a sign-in. invalid_grant: the provider no longer takes the sign-in of")
    assert text.endswith("or sign in: postroom oauth login account a")
    assert len(alerts(handles)) == 1


def test_a_sign_in_brings_the_account_back(handles, provider, account_id, later):
    provider.always = GONE
    fetch(handles)
    change_account(handles, account_id, validity="invalid-temporarily")
    provider.always = None
    sign_in(handles, provider, account_id)
    status = status_of(handles, account_id)
    assert (status.status, status.failures, status.last_error) == (Status.OK, 0, "")
    assert status.due_at <= clock.utcnow()
    assert alerts(handles) == {}
    assert account_row(handles, account_id).validity == "valid"
    later(hours=1)
    access_token(handles, Owner("account", account_id))
    assert provider.asked[-1]["refresh_token"] == "signed in"


def test_a_new_refresh_token_is_tried_at_once(handles, provider, account_id):
    provider.instead = [GONE]
    with pytest.raises(NeedsSignIn):
        access_token(handles, Owner("account", account_id))
    enter_seed(handles, account_id, provider.sign_in("user"))
    access_token(handles, Owner("account", account_id))
    assert alerts(handles) == {}


def test_the_entered_token_is_tried_when_the_one_that_came_after_it_is_dead(handles, provider, account_id, later):
    provider.rotates = True
    access_token(handles, Owner("account", account_id))
    seed = provider.asked[0]["refresh_token"]
    provider.refresh = {seed: "user"}
    later(hours=1)
    access_token(handles, Owner("account", account_id))
    assert [form["refresh_token"] == seed for form in provider.asked] == [True, False, True]


def test_another_profile_wants_another_sign_in(handles, provider):
    first = add_profile(handles, provider, "device_code")
    account_id = add_signer(handles, first)
    sign_in(handles, provider, account_id)
    second = add_profile(handles, provider, "device_code", name="other")
    change_account(handles, account_id, profile_id=second)
    for _ in range(2):
        with pytest.raises(
            NeedsSignIn, match=r"Nobody has signed in for account a yet\. Sign in: postroom oauth login"
        ):
            access_token(handles, Owner("account", account_id))
    assert provider.asked == []
    assert list(alerts(handles)) == ["sign-in:account:a"]


def test_an_app_that_is_refused_is_tried_again_later_or_once_it_is_changed(handles, provider, account_id, later):
    provider.always = as_microsoft(7000222)
    profile_id = account_row(handles, account_id).profile_id
    for _ in range(2):
        with pytest.raises(OAuthRefused, match="AADSTS7000222: the client secret of profile p has expired"):
            access_token(handles, Owner("account", account_id))
    assert len(provider.asked) == 1
    later(minutes=2)
    with pytest.raises(OAuthRefused):
        access_token(handles, Owner("account", account_id))
    provider.always = None
    provider.client_secret = "new"
    handles.database.writing(
        lambda session: handles.vault.store(session, "profile", profile_id, "client_secret", Secret("new"))
    )
    access_token(handles, Owner("account", account_id))
    assert alerts(handles) == {}


def test_a_wrong_password_is_not_sent_twice(handles, provider):
    account_id = add_signer(handles, add_profile(handles, provider, "password"), password="wrong")
    provider.passwords["user"] = "right"
    for _ in range(2):
        with pytest.raises(NeedsSignIn, match=r"wrong\. Set the right one: postroom set account a --password-stdin"):
            access_token(handles, Owner("account", account_id))
    assert len(provider.asked) == 1
    with pytest.raises(NeedsSignIn):  # but when a person asks
        get_token(handles, signer_of(handles, Owner("account", account_id)), by_hand=True)
    assert len(provider.asked) == 2


def test_a_password_that_a_domains_own_service_refuses_is_not_sent_twice_either(handles, provider):
    service = "https://adfs.contoso.example/adfs/services/trust/2005/usernamemixed"
    provider.realm = {"account_type": "Federated", "federation_active_auth_url": service}
    account_id = add_signer(handles, add_profile(handles, provider, "password", **OFFICE365), password="wrong")
    for _ in range(2):
        with pytest.raises(NeedsSignIn, match="The domain's federation service refused the password"):
            access_token(handles, Owner("account", account_id))
    assert provider.grants == ["ws-trust"]


def test_a_password_is_not_sent_in_clear_whoever_says_so(handles, provider):
    service = "http://adfs.contoso.example/adfs/services/trust/2005/usernamemixed"
    provider.realm = {"account_type": "Federated", "federation_active_auth_url": service}
    account_id = add_signer(handles, add_profile(handles, provider, "password", **OFFICE365), password="right")
    with pytest.raises(OAuthUnavailable, match=r"adfs\.contoso\.example would have to be asked in clear"):
        access_token(handles, Owner("account", account_id))


def test_the_run_says_that_it_was_the_token(handles, provider, account_id):
    provider.always = DOWN
    [outcome] = fetch(handles).outcomes
    assert lines(handles, outcome.run_id)[-1].startswith("error token No token for now: 127.0.0.1:")


def test_a_profile_without_its_secret_is_told(handles, provider):
    profile_id = add_profile(handles, provider, "client_secret", **OFFICE365, client_secret="")
    with pytest.raises(OAuthRefused, match="Profile p has no client secret, which its method needs"):
        access_token(handles, Owner("account", add_signer(handles, profile_id)))


@pytest.mark.parametrize("change", [{"deleted_at": datetime(2026, 1, 1, tzinfo=UTC)}, {"profile_id": None}])
def test_what_needs_no_sign_in_any_more_has_no_alert(change, handles, provider, account_id):
    provider.always = GONE
    fetch(handles)
    assert len(alerts(handles)) == 1
    change_account(handles, account_id, **change)
    tell_troubles(handles)
    assert alerts(handles) == {}
