"""A mail server that refuses a token gets one new one; then it is told what its operator has to permit."""

from datetime import timedelta

import pytest

from core import clock
from core.outbound.sending.deliver import deliver_due
from tests.accounts import ON_SQLITE, add_account, at, fetch, fetched_well, message, status_of, stored
from tests.oauth.worlds import OFFICE365, add_profile, add_signer, alerts, change_profile
from tests.outbound.world import QUICK, add_mailbox, attempts, put, states

pytestmark = ON_SQLITE


@pytest.fixture(params=["IMAP", "POP3"])
def signed_in(request, handles, provider, token_dovecot):
    """An account with a token that is kept; the user it is of."""
    user = token_dovecot.fresh_user()
    token_dovecot.deliver(user, [message(1)])
    provider.application_user = user
    add_signer(handles, add_profile(handles, provider, "client_secret"), **at(token_dovecot, user, request.param))
    fetched_well(handles)
    return user


def test_a_token_that_was_revoked_is_renewed_once_and_the_fetch_goes_on(signed_in, handles, provider, token_dovecot):
    provider.access.clear()
    token_dovecot.deliver(signed_in, [message(2)])
    fetched_well(handles)
    assert len(stored(handles)) == 2
    assert len(provider.asked) == 2


def test_a_good_token_that_is_refused_costs_one_question_each_time(signed_in, handles, provider):
    provider.access.clear()
    provider.application_user = "somebody else"
    for asked in (2, 3):
        [outcome] = fetch(handles).outcomes
        assert "The provider gave the token just now: see that the mail server takes its tokens" in outcome.error
        assert (outcome.fault, len(provider.asked)) == ("configuration", asked)
    status = status_of(handles, 1)
    assert status.due_at - clock.utcnow() > timedelta(minutes=59)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (OFFICE365, ["New-ServicePrincipal", "Add-MailboxPermission", "IMAP.AccessAsApp needs admin consent"]),
        (OFFICE365 | {"method": "password"}, ["must be the owner of", "IMAP.AccessAsUser.All", "-ImapEnabled $true"]),
        ({"provider": "gmail", "method": "refresh_token"}, ["in Gmail's settings"]),
    ],
)
def test_what_has_to_be_permitted_is_told(values, words, handles, provider, token_dovecot):
    user = token_dovecot.fresh_user()
    profile_id = add_profile(handles, provider, "client_secret")
    change_profile(handles, profile_id, **values)
    provider.application_user, provider.passwords[user] = "somebody else", "other"
    account_id = add_signer(handles, profile_id, seed=provider.sign_in("other"), **at(token_dovecot, user))
    provider.passwords[user] = "secret"
    provider.access = {}
    [outcome] = fetch(handles).outcomes
    assert [word for word in words if word not in outcome.error] == []
    assert user in outcome.error
    assert "Check user name and password" not in outcome.error
    assert account_id


def test_a_revoked_token_is_renewed_for_sending_too(handles, provider, token_sink):
    profile_id = add_profile(handles, provider, "client_secret")
    provider.application_user = "sender@example.org"
    add_mailbox(handles, "m", token_sink, t_smtp_auth=True, username="sender@example.org", profile_id=profile_id)
    put(handles)
    deliver_due(handles, timeouts=QUICK)
    provider.access.clear()
    put(handles)
    deliver_due(handles, timeouts=QUICK)
    assert states(handles) == ["sent", "sent"], [one.text for one in attempts(handles)]
    assert len(provider.asked) == 2


def test_a_relay_that_knows_oauthbearer_only_is_spoken_to(handles, provider, token_sink):
    token_sink.mechanism = "OAUTHBEARER"
    profile_id = add_profile(handles, provider, "client_secret")
    provider.application_user = "sender@example.org"
    add_mailbox(handles, "m", token_sink, t_smtp_auth=True, username="sender@example.org", profile_id=profile_id)
    put(handles)
    deliver_due(handles, timeouts=QUICK)
    assert states(handles) == ["sent"]
    provider.access.clear()
    provider.application_user = "somebody else"
    put(handles)
    deliver_due(handles, timeouts=QUICK)
    assert "The server refused the login: 535" in attempts(handles)[-1].text


def test_a_mailbox_that_needs_a_sign_in_defers_with_the_reason(handles, provider, token_sink):
    profile_id = add_profile(handles, provider, "device_code")
    add_mailbox(handles, "m", token_sink, t_smtp_auth=True, username="u", profile_id=profile_id)
    put(handles)
    summary = deliver_due(handles, timeouts=QUICK)
    assert states(handles) == ["deferred"]
    assert "Nobody has signed in for mailbox m yet" in attempts(handles)[-1].text
    assert summary.deferred == 1
    assert list(alerts(handles)) == ["sign-in:mailbox:m"]


def test_the_inbox_of_a_mailbox_needs_its_mailboxs_sign_in(handles, provider, token_dovecot, token_sink):
    user = token_dovecot.fresh_user()
    profile_id = add_profile(handles, provider, "device_code")
    mailbox_id = add_mailbox(handles, "m", token_sink, t_smtp_auth=True, username=user, profile_id=profile_id)
    account_id = add_account(handles, profile_id=profile_id, mailbox_id=mailbox_id, **at(token_dovecot, user))
    [outcome] = fetch(handles).outcomes
    assert "postroom oauth login mailbox m" in outcome.error
    assert status_of(handles, account_id).status == "needs sign-in"
