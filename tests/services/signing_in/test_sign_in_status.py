"""How a sign-in stands, by what is kept of it: a table."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.services.signing_in.sign_in_status import State, state_of

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SOON = NOW + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("kept", "state"),
    [
        ({"sealed": True}, State.SIGNED_IN),
        # Nobody signed in yet: some methods wait for a person, the others get a token by themselves.
        ({"method": "device_code"}, State.NEEDS_SIGN_IN),
        ({"method": "client_credentials"}, State.UNUSED),
        ({"sealed": True, "needs_sign_in": "revoked"}, State.NEEDS_SIGN_IN),
        ({"sealed": True, "needs_sign_in": "revoked", "retry_after": SOON}, State.NEEDS_SIGN_IN),
        ({"sealed": True, "retry_after": SOON}, State.WAITING),
        ({"method": "client_credentials", "retry_after": SOON}, State.WAITING),
        ({"sealed": True, "retry_after": NOW}, State.SIGNED_IN),
    ],
)
def test_how_a_sign_in_stands(kept: dict[str, Any], state: State) -> None:
    row = {"needs_sign_in": None, "retry_after": None, "sealed": False, "method": "device_code"}
    assert state_of(row | kept, NOW) is state
