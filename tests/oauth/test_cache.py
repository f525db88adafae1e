"""The token cache: kept, renewed in time, opened only in its place, and asked for anew when what it depends on changes."""

from datetime import timedelta

import pytest

from core import clock
from core.db.bulk import upsert
from core.errors import NeedsSignIn, OAuthUnavailable, SecretUnreadable, StoreBusy
from core.models import Setting, Status
from core.oauth import keeping, renewal
from core.oauth.cache import access_token
from core.vault.owner import Owner
from core.vault.vault import KEY_ID
from tests.accounts import ON_SQLITE, fetch, status_of
from tests.fakes.token_server import DOWN, GONE, HTML, THROTTLED
from tests.oauth.worlds import (
    account_row,
    add_profile,
    add_signer,
    alerts,
    change_profile,
    change_token,
    sign_in,
    token_row,
)

pytestmark = ON_SQLITE


def test_a_token_is_kept_and_renewed_some_minutes_before_its_end(handles, provider, account_id, later):
    first = access_token(handles, Owner("account", account_id))
    later(minutes=54)
    assert access_token(handles, Owner("account", account_id)) == first
    later(minutes=2)
    assert access_token(handles, Owner("account", account_id)) != first
    assert len(provider.asked) == 2


def test_a_token_that_lives_shortly_is_used_for_most_of_its_life(handles, provider, account_id, later):
    provider.lasts = 5
    later()
    first = access_token(handles, Owner("account", account_id))
    later(seconds=4)
    assert access_token(handles, Owner("account", account_id)) == first
    later(seconds=0.8)
    assert access_token(handles, Owner("account", account_id)) != first


def test_a_rotated_refresh_token_is_used_the_next_time(handles, provider, account_id, later):
    provider.rotates = True
    for _ in range(3):
        access_token(handles, Owner("account", account_id))
        later(hours=1)
    assert len({form["refresh_token"] for form in provider.asked}) == 3


def test_nothing_of_a_token_stands_in_clear(handles, provider, account_id):
    token = access_token(handles, Owner("account", account_id))
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
        access_token(handles, Owner("account", other_id))


def test_a_spoilt_token_that_nobody_need_sign_in_for_is_got_anew(handles, provider, account_id, caplog):
    access_token(handles, Owner("account", account_id))
    *rest, last = token_row(handles).sealed
    change_token(handles, sealed=bytes((*rest, last ^ 1)))
    access_token(handles, Owner("account", account_id))
    assert len(provider.asked) == 2
    assert "account a: the token is got anew" in caplog.text


def test_nothing_is_asked_for_that_could_not_be_sealed(handles, provider, account_id):
    handles.database.writing(lambda session: upsert(session, Setting, [{"name": KEY_ID, "value": "0123456789abcdef"}]))
    with pytest.raises(SecretUnreadable):
        access_token(handles, Owner("account", account_id))
    assert provider.asked == []


@pytest.mark.parametrize("answer", [DOWN, THROTTLED, HTML])
def test_a_token_that_is_still_good_outlives_a_provider_that_is_not(answer, handles, provider, account_id, later):
    first = access_token(handles, Owner("account", account_id))
    later(minutes=56)
    provider.always = answer
    assert access_token(handles, Owner("account", account_id)) == first
    assert access_token(handles, Owner("account", account_id)) == first
    assert len(provider.asked) == 2  # and it is not asked at each use
    later(minutes=4)
    with pytest.raises(OAuthUnavailable):
        access_token(handles, Owner("account", account_id))


@pytest.mark.parametrize(("answer", "wait"), [(DOWN, 30), (HTML, 30), (THROTTLED, 120)])
def test_a_provider_is_left_alone_for_as_long_as_it_asks(answer, wait, handles, provider, account_id, later):
    provider.instead = [answer]
    later()
    with pytest.raises(OAuthUnavailable) as first:
        access_token(handles, Owner("account", account_id))
    later(seconds=wait - 1)
    with pytest.raises(OAuthUnavailable) as second:
        access_token(handles, Owner("account", account_id))
    assert str(second.value) == str(first.value)
    assert len(provider.asked) == 1
    later(seconds=2)
    access_token(handles, Owner("account", account_id))


def test_an_account_whose_provider_throttles_waits_that_long(handles, provider, account_id):
    provider.always = THROTTLED
    [outcome] = fetch(handles).outcomes
    status = status_of(handles, account_id)
    assert outcome.fault == "passing"
    assert (status.status, alerts(handles)) == (Status.FAILING, {})
    assert status.due_at - clock.utcnow() > timedelta(seconds=100)


def test_where_the_password_is_kept_no_refresh_token_is(handles, provider, later):
    account_id = add_signer(handles, add_profile(handles, provider, "password"), password="right")
    provider.passwords["user"], provider.more = "right", {"refresh_token_expires_in": 86400}
    for _ in range(2):
        access_token(handles, Owner("account", account_id))
        later(hours=1)
    assert provider.grants == ["password", "password"]
    assert token_row(handles).refresh_expires_at is None


def test_other_scopes_or_another_secret_want_another_token(handles, provider, account_id):
    first = access_token(handles, Owner("account", account_id))
    change_profile(handles, account_row(handles, account_id).profile_id, scopes=["mail"])
    assert access_token(handles, Owner("account", account_id)) != first


def test_a_grant_that_the_database_would_not_take_is_written_the_next_time(handles, provider, account_id, monkeypatch):
    provider.rotates = True
    write = keeping.write_granted

    def busy(*_):
        raise StoreBusy("The database is busy.")

    monkeypatch.setattr(keeping, "write_granted", busy)
    with pytest.raises(StoreBusy):
        access_token(handles, Owner("account", account_id))
    monkeypatch.setattr(keeping, "write_granted", write)
    access_token(handles, Owner("account", account_id))
    assert len(provider.asked) == 1


def test_whoever_died_with_the_turn_keeps_others_waiting_for_a_minute_only(handles, provider, account_id, later):
    access_token(handles, Owner("account", account_id))
    later(hours=1)
    change_token(handles, lease_owner="dead", lease_until=clock.utcnow() + timedelta(seconds=60))
    later(seconds=61)
    provider.instead = [GONE]
    with pytest.raises(NeedsSignIn, match="A worker died while it renewed the token"):
        access_token(handles, Owner("account", account_id))


def test_a_grant_that_comes_late_is_kept_though_the_provider_was_out_of_order_meanwhile(
    handles, provider, account_id, later, monkeypatch
):
    provider.rotates = True
    write = keeping.write_granted
    late = []
    monkeypatch.setattr(keeping, "write_granted", lambda *given: late.append(given) or True)
    access_token(handles, Owner("account", account_id))
    monkeypatch.setattr(keeping, "write_granted", write)
    later(seconds=61)
    provider.instead = [DOWN]
    with pytest.raises(OAuthUnavailable):
        access_token(handles, Owner("account", account_id))

    _, _, signer, turn, held = late[0]
    renewal._granted(handles, signer, turn, held)

    later(hours=2)
    assert provider.lets_in("user", access_token(handles, Owner("account", account_id)))


def test_a_grant_that_comes_late_is_kept_though_its_old_token_was_refused_meanwhile(
    handles, provider, account_id, later, monkeypatch
):
    provider.rotates = True
    write = keeping.write_granted

    def busy(*_):
        raise StoreBusy("The database is busy.")

    monkeypatch.setattr(keeping, "write_granted", busy)
    with pytest.raises(StoreBusy):
        access_token(handles, Owner("account", account_id))
    monkeypatch.setattr(keeping, "write_granted", write)
    kept_in_mind = dict(renewal._unsaved)
    renewal._unsaved.clear()  # as in another process, a minute later
    later(seconds=61)
    with pytest.raises(NeedsSignIn):
        access_token(handles, Owner("account", account_id))
    assert list(alerts(handles)) == ["sign-in:account:a"]

    renewal._unsaved.update(kept_in_mind)
    token = access_token(handles, Owner("account", account_id))

    assert provider.lets_in("user", token)
    assert len(provider.asked) == 2
    assert (token_row(handles).needs_sign_in, alerts(handles)) == ("", {})
    assert status_of(handles, account_id).status != Status.NEEDS_SIGN_IN


def test_a_grant_that_comes_late_is_used_though_what_was_kept_since_does_not_open(
    handles, provider, later, monkeypatch
):
    account_id = add_signer(handles, add_profile(handles, provider, "device_code"))
    sign_in(handles, provider, account_id)
    later(hours=1)
    write = keeping.write_granted
    late = []
    monkeypatch.setattr(keeping, "write_granted", lambda *given: late.append(given) or True)
    access_token(handles, Owner("account", account_id))
    monkeypatch.setattr(keeping, "write_granted", write)
    change_token(handles, sealed=b"spoilt", fence=7)

    _, _, signer, turn, held = late[0]

    assert provider.lets_in("user", renewal._granted(handles, signer, turn, held).token)


def test_a_grant_that_comes_late_gives_way_to_a_sign_in(handles, provider, account_id, later, monkeypatch):
    provider.rotates = True
    write = keeping.write_granted
    late = []
    monkeypatch.setattr(keeping, "write_granted", lambda *given: late.append(given) or True)
    access_token(handles, Owner("account", account_id))
    monkeypatch.setattr(keeping, "write_granted", write)
    sign_in(handles, provider, account_id)
    newest = access_token(handles, Owner("account", account_id))

    _, _, signer, turn, held = late[0]
    renewal._granted(handles, signer, turn, held)

    assert access_token(handles, Owner("account", account_id)) == newest
