"""The n-th statement fails while a token is renewed, for every n: no refresh token is lost, though it is good once."""

import itertools
from contextlib import suppress

from core.errors import StoreError
from core.oauth.cache import access_token
from core.vault.owner import Owner
from tests.accounts import LONG_AGO, ON_SQLITE
from tests.crash.failures import failing_database
from tests.oauth.worlds import add_profile, add_signer, alerts, change_token

pytestmark = ON_SQLITE


def test_whichever_statement_fails_no_token_is_lost(handles, provider):
    provider.rotates, provider.lasts = True, 0.000_001
    account_id = add_signer(handles, add_profile(handles, provider, "refresh_token"), seed=provider.sign_in("anna"))
    access_token(handles, Owner("account", account_id))
    for number in itertools.count(1):
        with failing_database(handles, number) as countdown, suppress(StoreError):
            access_token(handles, Owner("account", account_id))
        change_token(handles, lease_until=LONG_AGO)
        access_token(handles, Owner("account", account_id))
        if not countdown.has_failed:
            break
    assert number > 10
    assert alerts(handles) == {}
    assert set(provider.grants) == {"refresh_token"}
    assert len(provider.refresh) == 1
