"""Tokens are kept, shared and renewed in time; a grant that is dead is left alone until somebody helps."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from core import clock
from core.db.bulk import upsert
from core.errors import NeedsSignIn, OAuthRefused, OAuthUnavailable, SecretUnreadable, StoreBusy
from core.handles import Handles
from core.inbound.troubles import tell_troubles
from core.models import Setting, Status
from core.oauth import keeping
from core.oauth.cache import access_token, get_token, keep_grant
from core.oauth.grant import Grant
from core.oauth.signer import signer_of
from core.secret import Secret
from core.vault.vault import KEY_ID
from tests.accounts import ON_SQLITE, change_account, fetch, lines, status_of
from tests.fakes.token_server import DOWN, GONE, HTML, THROTTLED, TokenServer, as_microsoft
from tests.oauth.worlds import (
    OFFICE365,
    account_row,
    add_profile,
    add_signer,
    alerts,
    change_profile,
    change_token,
    enter_seed,
    token_row,
)

pytestmark = ON_SQLITE

Later = Callable[..., None]


@pytest.fixture
def later(monkeypatch) -> Later:
    """Lets time pass."""

    def pass_by(**span: float) -> None:
        moment = clock.utcnow() + timedelta(**span)
        monkeypatch.setattr(clock, "utcnow", lambda: moment)

    return pass_by


@pytest.fixture
def account_id(handles: Handles, provider: TokenServer) -> int:
    """An account that signs in with a refresh token."""
    return add_signer(handles, add_profile(handles, provider, "refresh_token"), seed=provider.sign_in("user"))


def test_a_token_is_kept_and_renewed_some_minutes_before_its_end(handles, provider, account_id, later):
    first = access_token(handles, "account", account_id)
    later(minutes=54)
    assert access_token(handles, "account", account_id) == first
    later(minutes=2)
    assert access_token(handles, "account", account_id) != first
    assert len(provider.asked) == 2


def test_a_token_that_lives_shortly_is_used_for_most_of_its_life(handles, provider, account_id, later):
    provider.lasts = 5
    first = access_token(handles, "account", account_id)
    later(seconds=4)
    assert access_token(handles, "account", account_id) == first
    later(seconds=0.8)
    assert access_token(handles, "account", account_id) != first


def test_a_rotated_refresh_token_is_used_the_next_time(handles, provider, account_id, later):
    provider.rotates = True
    for _ in range(3):
        access_token(handles, "account", account_id)
        later(hours=1)
    assert len({form["refresh_token"] for form in provider.asked}) == 3


def test_nothing_of_a_token_stands_in_clear(handles, provider, account_id):
    token = access_token(handles, "account", account_id)
    row = token_row(handles)
    assert token not in str(row)
    assert next(iter(provider.refresh)) not in str(row)
    assert row.key_id == handles.vault.key.id


def test_tokens_that_were_moved_to_another_row_do_not_open(handles, provider):
    profile_id = add_profile(handles, provider, "device_code")
    sign_in(handles, provider, add_signer(handles, profile_id))
    other_id = add_signer(handles, profile_id, name="b")
    change_token(handles, owner_id=other_id)
    with pytest.raises(SecretUnreadable, match=f"account:{other_id}:token was changed or moved"):
        access_token(handles, "account", other_id)


def test_a_spoilt_token_that_nobody_need_sign_in_for_is_got_anew(handles, provider, account_id, caplog):
    access_token(handles, "account", account_id)
    change_token(handles, sealed=token_row(handles).sealed[:-1] + b"?")
    access_token(handles, "account", account_id)
    assert len(provider.asked) == 2
    assert "account a: the token is got anew" in caplog.text


def test_nothing_is_asked_for_that_could_not_be_sealed(handles, provider, account_id):
    handles.database.writing(lambda session: upsert(session, Setting, [{"name": KEY_ID, "value": "0123456789abcdef"}]))
    with pytest.raises(SecretUnreadable):
        access_token(handles, "account", account_id)
    assert provider.asked == []


# -- a provider that cannot be asked ------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [DOWN, THROTTLED, HTML])
def test_a_token_that_is_still_good_outlives_a_provider_that_is_not(answer, handles, provider, account_id, later):
    first = access_token(handles, "account", account_id)
    later(minutes=56)
    provider.always = answer
    assert access_token(handles, "account", account_id) == first
    assert access_token(handles, "account", account_id) == first
    assert len(provider.asked) == 2  # and it is not asked at each use
    later(minutes=4)
    with pytest.raises(OAuthUnavailable):
        access_token(handles, "account", account_id)


@pytest.mark.parametrize(("answer", "wait"), [(DOWN, 30), (HTML, 30), (THROTTLED, 120)])
def test_a_provider_is_left_alone_for_as_long_as_it_asks(answer, wait, handles, provider, account_id, later):
    provider.instead = [answer]
    with pytest.raises(OAuthUnavailable) as first:
        access_token(handles, "account", account_id)
    later(seconds=wait - 1)
    with pytest.raises(OAuthUnavailable) as second:
        access_token(handles, "account", account_id)
    assert str(second.value) == str(first.value)
    assert len(provider.asked) == 1
    later(seconds=2)
    access_token(handles, "account", account_id)


def test_an_account_whose_provider_throttles_waits_that_long(handles, provider, account_id):
    provider.always = THROTTLED
    [outcome] = fetch(handles).outcomes
    status = status_of(handles, account_id)
    assert outcome.fault == "passing"
    assert (status.status, alerts(handles)) == (Status.FAILING, {})
    assert status.due_at - clock.utcnow() > timedelta(seconds=100)


# -- a grant that is dead -----------------------------------------------------------------------------------------------


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
    access_token(handles, "account", account_id)
    assert provider.asked[-1]["refresh_token"] == "signed in"


def test_a_new_refresh_token_is_tried_at_once(handles, provider, account_id):
    provider.instead = [GONE]
    with pytest.raises(NeedsSignIn):
        access_token(handles, "account", account_id)
    enter_seed(handles, account_id, provider.sign_in("user"))
    access_token(handles, "account", account_id)
    assert alerts(handles) == {}


def test_the_entered_token_is_tried_when_the_one_that_came_after_it_is_dead(handles, provider, account_id, later):
    provider.rotates = True
    access_token(handles, "account", account_id)
    seed = provider.asked[0]["refresh_token"]
    provider.refresh = {seed: "user"}
    later(hours=1)
    access_token(handles, "account", account_id)
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
            access_token(handles, "account", account_id)
    assert provider.asked == []
    assert list(alerts(handles)) == ["sign-in:account:a"]


def test_an_app_that_is_refused_is_tried_again_later_or_once_it_is_changed(handles, provider, account_id, later):
    provider.always = as_microsoft(7000222)
    profile_id = account_row(handles, account_id).profile_id
    for _ in range(2):
        with pytest.raises(OAuthRefused, match="AADSTS7000222: the client secret of profile p has expired"):
            access_token(handles, "account", account_id)
    assert len(provider.asked) == 1
    later(minutes=2)
    with pytest.raises(OAuthRefused):
        access_token(handles, "account", account_id)
    provider.always = None
    provider.client_secret = "new"
    handles.database.writing(
        lambda session: handles.vault.store(session, "profile", profile_id, "client_secret", Secret("new"))
    )
    access_token(handles, "account", account_id)
    assert alerts(handles) == {}


def test_a_wrong_password_is_not_sent_twice(handles, provider):
    account_id = add_signer(handles, add_profile(handles, provider, "password"), password="wrong")
    provider.passwords["user"] = "right"
    for _ in range(2):
        with pytest.raises(NeedsSignIn, match=r"wrong\. Set the right one: postroom set account a --password-stdin"):
            access_token(handles, "account", account_id)
    assert len(provider.asked) == 1
    with pytest.raises(NeedsSignIn):  # but when a person asks
        get_token(handles, signer_of(handles, "account", account_id), by_hand=True)
    assert len(provider.asked) == 2


def test_a_password_that_a_domains_own_service_refuses_is_not_sent_twice_either(handles, provider):
    service = "https://adfs.contoso.example/adfs/services/trust/2005/usernamemixed"
    provider.realm = {"account_type": "Federated", "federation_active_auth_url": service}
    account_id = add_signer(handles, add_profile(handles, provider, "password", **OFFICE365), password="wrong")
    for _ in range(2):
        with pytest.raises(NeedsSignIn, match="The domain's federation service refused the password"):
            access_token(handles, "account", account_id)
    assert provider.grants == ["ws-trust"]


def test_a_password_is_not_sent_in_clear_whoever_says_so(handles, provider):
    service = "http://adfs.contoso.example/adfs/services/trust/2005/usernamemixed"
    provider.realm = {"account_type": "Federated", "federation_active_auth_url": service}
    account_id = add_signer(handles, add_profile(handles, provider, "password", **OFFICE365), password="right")
    with pytest.raises(OAuthUnavailable, match=r"adfs\.contoso\.example would have to be asked in clear"):
        access_token(handles, "account", account_id)


def test_the_run_says_that_it_was_the_token(handles, provider, account_id):
    provider.always = DOWN
    [outcome] = fetch(handles).outcomes
    assert lines(handles, outcome.run_id)[-1].startswith("error token No token for now: 127.0.0.1:")


def test_where_the_password_is_kept_no_refresh_token_is(handles, provider, later):
    account_id = add_signer(handles, add_profile(handles, provider, "password"), password="right")
    provider.passwords["user"], provider.more = "right", {"refresh_token_expires_in": 86400}
    for _ in range(2):
        access_token(handles, "account", account_id)
        later(hours=1)
    assert provider.grants == ["password", "password"]
    assert token_row(handles).refresh_expires_at is None


def test_a_profile_without_its_secret_is_told(handles, provider):
    profile_id = add_profile(handles, provider, "client_secret", **OFFICE365, client_secret="")
    with pytest.raises(OAuthRefused, match="Profile p has no client secret, which its method needs"):
        access_token(handles, "account", add_signer(handles, profile_id))


def test_other_scopes_or_another_secret_want_another_token(handles, provider, account_id):
    first = access_token(handles, "account", account_id)
    change_profile(handles, account_row(handles, account_id).profile_id, scopes=["mail"])
    assert access_token(handles, "account", account_id) != first


@pytest.mark.parametrize("change", [{"deleted_at": datetime(2026, 1, 1, tzinfo=UTC)}, {"profile_id": None}])
def test_what_needs_no_sign_in_any_more_has_no_alert(change, handles, provider, account_id):
    provider.always = GONE
    fetch(handles)
    assert len(alerts(handles)) == 1
    change_account(handles, account_id, **change)
    tell_troubles(handles)
    assert alerts(handles) == {}


# -- who signs in -------------------------------------------------------------------------------------------------------


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
    access_token(handles, "account", account_id)
    change_account(handles, account_id, username="bob@example.org")
    with pytest.raises(NeedsSignIn, match=r"ann@corp\.example signed in, but account a is for bob@example\.org"):
        access_token(handles, "account", account_id)
    assert len(alerts(handles)) == 1
    change_account(handles, account_id, username="ann@example.org")
    access_token(handles, "account", account_id)
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
        access_token(handles, "account", account_id)


# -- the database -------------------------------------------------------------------------------------------------------


def test_a_grant_that_the_database_would_not_take_is_written_the_next_time(handles, provider, account_id, monkeypatch):
    provider.rotates = True
    write = keeping.write_granted

    def busy(*_):
        raise StoreBusy("The database is busy.")

    monkeypatch.setattr(keeping, "write_granted", busy)
    with pytest.raises(StoreBusy):
        access_token(handles, "account", account_id)
    monkeypatch.setattr(keeping, "write_granted", write)
    access_token(handles, "account", account_id)
    assert len(provider.asked) == 1


def test_whoever_died_with_the_turn_keeps_others_waiting_for_a_minute_only(handles, provider, account_id, later):
    access_token(handles, "account", account_id)
    later(hours=1)
    change_token(handles, lease_owner="dead", lease_until=clock.utcnow() + timedelta(seconds=60))
    later(seconds=61)
    provider.instead = [GONE]
    with pytest.raises(NeedsSignIn, match="A worker died while it renewed the token"):
        access_token(handles, "account", account_id)


def sign_in(handles: Handles, provider: TokenServer, account_id: int, **values) -> None:
    provider.refresh["signed in"] = "user"
    grant = {
        "access_token": Secret("access"),
        "expires_at": clock.utcnow() + timedelta(hours=1),
        "refresh_token": Secret("signed in"),
        **values,
    }
    keep_grant(handles, "account", account_id, account_row(handles, account_id).profile_id, Grant(**grant))
