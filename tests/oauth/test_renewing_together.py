"""Several workers, one grant: a provider that takes back each refresh token at its use must never be asked twice."""

import threading

from core.gateway import open_gateway
from core.oauth.cache import access_token
from tests.fakes.token_server import TokenServer
from tests.oauth.worlds import add_profile, add_signer, token_row

REFRESHES = {"sqlite": 500, "postgresql": 100}
"""PostgreSQL only has to show that its locks do the same."""


def test_two_workers_renew_in_turn_and_lose_no_token(handles, home, provider: TokenServer):
    provider.rotates = True
    provider.lasts = 0.000_001  # gone at once: every question is a renewal
    refreshes = REFRESHES["sqlite" if handles.database.is_sqlite else "postgresql"]
    account_id = add_signer(handles, add_profile(handles, provider, "refresh_token"), seed=provider.sign_in("anna"))
    failures: list[Exception] = []
    left = threading.Semaphore(refreshes)

    def work(worker):
        while left.acquire(blocking=False):
            try:
                access_token(worker, "account", account_id)
            except Exception as error:
                failures.append(error)

    others = [handles, open_gateway(home)]
    threads = [threading.Thread(target=work, args=(worker,)) for worker in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    others[1].close()
    assert failures == []
    assert provider.grants == ["refresh_token"] * refreshes
    assert len(provider.refresh) == 1  # the one that lives, and the row knows it:
    access_token(handles, "account", account_id)
    assert token_row(handles).needs_sign_in == ""
