"""A worker is killed between the provider's answer and its own write: the only moment at which a token can be lost."""

import signal
import threading

import pytest

from core.models import Status
from tests.accounts import LONG_AGO, ON_SQLITE, at, expire_leases, fetch, fetched_well, message, status_of, stored
from tests.cli.conftest import Shell
from tests.crash.fetching_process import FetchingProcess
from tests.oauth.worlds import add_profile, add_signer, alerts, change_token
from tests.waiting import PATIENCE, until

pytestmark = ON_SQLITE

KILLED = -9


@pytest.fixture
def account_id(handles, provider, token_dovecot) -> int:
    """An account with a refresh token and a message; its token is fetched by a process that is killed."""
    user = token_dovecot.fresh_user()
    token_dovecot.deliver(user, [message(1)])
    profile_id = add_profile(handles, provider, "refresh_token")
    return add_signer(handles, profile_id, seed=provider.sign_in(user), **at(token_dovecot, user))


def killed_at_the_answer(handles) -> None:
    assert FetchingProcess(handles.environment).run("K15:kill@1") == KILLED
    expire_leases(handles)
    change_token(handles, lease_until=LONG_AGO)


def test_where_the_old_token_stays_good_nothing_is_lost(account_id, handles, provider):
    killed_at_the_answer(handles)
    fetched_well(handles)
    assert len(stored(handles)) == 1
    assert len(provider.asked) == 2
    assert alerts(handles) == {}


def test_ctrl_c_loses_no_token(account_id, handles, provider, monkeypatch):
    provider.rotates = True
    is_interrupted, grant = threading.Event(), provider._granted

    def grant_then(form):
        assert is_interrupted.wait(PATIENCE)
        return grant(form)

    monkeypatch.setattr(provider, "_granted", grant_then)
    shell = Shell(handles.environment.home)
    with shell.start("test", "account", "a") as command:
        until(lambda: provider.asked != [])
        command.send_signal(signal.SIGINT)
        is_interrupted.set()
        command.wait(PATIENCE)
        assert command.stdout is not None
        assert b"login" not in command.stdout.read()
    fetched_well(handles)
    assert len(stored(handles)) == 1
    assert len(provider.asked) == 1


def test_where_it_was_taken_back_somebody_is_asked_to_sign_in_and_nothing_else_is_lost(account_id, handles, provider):
    provider.rotates = True
    killed_at_the_answer(handles)
    for _ in range(2):
        [outcome] = fetch(handles).outcomes
        assert "A worker died while it renewed the token; the provider's answer to it is lost." in outcome.error
    assert status_of(handles, account_id).status == Status.NEEDS_SIGN_IN
    assert list(alerts(handles)) == ["sign-in:account:a"]
    assert len(provider.asked) == 2
    assert stored(handles) == []
