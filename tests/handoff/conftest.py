"""An account by whose rules mail is taken in."""

import pytest

from core.handles import Handles
from tests.accounts import add_account


@pytest.fixture
def account(handles: Handles) -> int:
    """By whose rules mail is taken in."""
    return add_account(handles)
