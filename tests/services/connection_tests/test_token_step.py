"""Testing what signs in with a profile: the token is a step of its own, and a refused login says what to permit."""

import json
from typing import Any

import pytest

from core.errors import BadInput, NeedsSignIn, OAuthRefused, OAuthUnavailable
from core.oauth.cache import access_token
from core.services.configuration.accounts import accounts
from core.services.configuration.mailboxes import mailboxes
from core.services.configuration.profiles import profiles
from core.services.configuration.templates import templates
from core.services.connection_tests import testing
from core.vault.owner import Owner
from tests.accounts import ON_SQLITE, at
from tests.fakes.token_server import DOWN, GONE, as_microsoft
from tests.oauth.worlds import token_row
from tui.cli.connections.testing import exit_code_of

pytestmark = ON_SQLITE


@pytest.fixture
def account(handles, admin, provider, token_dovecot) -> dict[str, Any]:
    """Values of an account whose profile gets tokens by itself."""
    user = token_dovecot.fresh_user()
    provider.application_user = user
    profiles.add(handles, admin, "p", {**provider.profile("client_secret"), "client_secret": provider.client_secret})
    return {**at(token_dovecot, user, "IMAPTLS"), "profile": "p"}


def steps_of(handles, admin, what: Any, kind: str = "account") -> list[Any]:
    return list(getattr(testing, f"test_{kind}")(handles, admin, what))


def test_a_saved_account_gets_a_new_token_and_logs_in_with_it(handles, admin, account, provider):
    row_id = accounts.add(handles, admin, "a", account).id
    kept = access_token(handles, Owner("account", row_id))
    steps = steps_of(handles, admin, "a")
    assert [step.step for step in steps] == [
        "token", "resolve", "connect", "greeting", "tls", "login", "folder", "count", "plan",
    ]  # fmt: skip
    assert all(step.ok for step in steps)
    assert steps[0].detail.startswith("by profile p, until ")
    assert access_token(handles, Owner("account", row_id)) != kept
    assert len(provider.asked) == 2


def test_values_of_a_form_are_tried_and_nothing_of_it_is_kept(handles, admin, account):
    steps = steps_of(handles, admin, account)
    assert steps[-1].step == "plan"
    with pytest.raises(ValueError, match="not enough values"):
        token_row(handles)


def test_a_mailbox_is_tested_with_a_token(handles, admin, provider, token_sink):
    provider.application_user = "sender@example.org"
    profiles.add(handles, admin, "p", {**provider.profile("client_secret"), "client_secret": provider.client_secret})
    templates.add(
        handles, admin, "t", {"smtp_host": token_sink.host, "smtp_port": token_sink.port, "smtp_security": "none"}
    )
    values = {"template": "t", "username": "sender@example.org", "profile": "p"}
    mailboxes.add(handles, admin, "m", values)
    for what in ("m", values):
        steps = steps_of(handles, admin, what, "mailbox")
        assert [step.step for step in steps][-4:] == ["login", "mail_from", "rcpt_to", "data"]


@pytest.mark.parametrize(
    ("said", "failure", "exit_code"),
    [(DOWN, OAuthUnavailable, 69), (as_microsoft(7000215), OAuthRefused, 78), (GONE, NeedsSignIn, 78)],
)
def test_no_token_ends_the_test_with_the_reason(said, failure, exit_code, handles, admin, account, provider):
    accounts.add(handles, admin, "a", account)
    provider.always = said
    for what in ("a", account):
        [step] = steps_of(handles, admin, what)
        assert (step.step, step.ok, type(step.failure)) == ("token", False, failure)
        assert exit_code_of(step) == exit_code


def test_what_was_mended_at_the_provider_works_at_the_next_test(handles, admin, account, provider):
    accounts.add(handles, admin, "a", account)
    provider.instead = [as_microsoft(65001), GONE]
    assert [len(steps_of(handles, admin, "a")) for _ in range(3)] == [1, 1, 9]


def test_a_good_token_that_is_refused_says_what_to_permit(handles, admin, account, provider):
    accounts.add(handles, admin, "a", account)
    provider.application_user = "somebody else"
    for what in ("a", account):
        *_, last = steps_of(handles, admin, what)
        assert (last.step, last.ok, exit_code_of(last)) == ("login", False, 77)
        assert "see that the mail server takes its tokens" in last.detail


def test_what_somebody_signs_in_for_is_saved_first(handles, admin, account, provider):
    profiles.add(handles, admin, "d", provider.profile("device_code"))
    with pytest.raises(BadInput, match="save it, then postroom oauth login account"):
        steps_of(handles, admin, {**account, "profile": "d"})
    accounts.add(handles, admin, "a", {**account, "profile": "d"})
    [step] = steps_of(handles, admin, "a")
    assert "postroom oauth login account a" in step.detail


def test_a_token_that_is_good_once_is_not_used_up_by_a_test(handles, admin, account, provider):
    profiles.add(handles, admin, "r", {**provider.profile("refresh_token"), "client_secret": provider.client_secret})
    with pytest.raises(BadInput, match="may be used up by a test: save it first"):
        steps_of(handles, admin, {**account, "profile": "r", "refresh_token": provider.sign_in("user")})
    assert provider.asked == []


def test_no_secret_stands_in_the_steps(handles, admin, account, provider):
    shown = json.dumps([[step.step, step.detail] for step in steps_of(handles, admin, account)])
    assert [token for token in (*provider.access, provider.client_secret) if token in shown] == []
