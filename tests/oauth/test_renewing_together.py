"""Several workers, one grant: a provider that takes back each refresh token at its use must never be asked twice."""

from core.oauth import cache
from core.vault.owner import Owner
from tests.fakes.token_server import TokenServer
from tests.oauth.renewing_process import LOOK, start_renewing
from tests.oauth.worlds import add_profile, add_signer, token_row
from tests.waiting import PATIENCE

EACH = {"sqlite": 250, "postgresql": 50}
"""PostgreSQL only has to show that its locks do the same."""


def test_two_workers_renew_in_turn_and_lose_no_token(handles, home, provider: TokenServer, monkeypatch):
    monkeypatch.setattr(cache, "LOOK", LOOK)
    each = EACH["sqlite" if handles.database.is_sqlite else "postgresql"]
    provider.rotates = True
    provider.lasts = 0.000_001  # gone at once: every question is a renewal
    account_id = add_signer(handles, add_profile(handles, provider, "refresh_token"), seed=provider.sign_in("anna"))

    other = start_renewing(home, account_id, each)
    for _ in range(each):
        cache.access_token(handles, Owner("account", account_id))
    other.join(PATIENCE)

    assert other.exitcode == 0
    assert provider.grants == ["refresh_token"] * (2 * each)
    assert len(provider.refresh) == 1  # the one that lives, and the row knows it:
    cache.access_token(handles, Owner("account", account_id))
    assert token_row(handles).needs_sign_in == ""
