"""An account that signs in, and time that passes."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from core import clock
from core.handles import Handles
from tests.fakes.token_server import TokenServer
from tests.oauth.worlds import add_profile, add_signer


@pytest.fixture
def later(monkeypatch) -> Callable[..., None]:
    """Lets time pass, and stand still in between; without a span it only stands still."""

    def pass_by(**span: float) -> None:
        moment = clock.utcnow() + timedelta(**span)
        monkeypatch.setattr(clock, "utcnow", lambda: moment)

    return pass_by


@pytest.fixture
def account_id(handles: Handles, provider: TokenServer) -> int:
    """An account that signs in with a refresh token."""
    return add_signer(handles, add_profile(handles, provider, "refresh_token"), seed=provider.sign_in("user"))
