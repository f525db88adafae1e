"""Whether the right person signed in."""

import pytest

from core.oauth.person import is_the_owner


@pytest.mark.parametrize(
    ("signed_in_as", "username", "address", "is_right"),
    [
        (["ann@example.org"], "ann@example.org", "", True),
        (["Ann@Example.org"], "ann@example.org", "", True),
        (["ann@example.org"], "support@example.org", "", False),
        (["ann@example.org"], "support@example.org", "ann@example.org", True),  # a shared mailbox
        (["ann@corp.example", "ann@example.org"], "ann@example.org", "", True),  # user name and address differ
        ([""], "support@example.org", "", True),  # the provider says nothing
        ([], "support@example.org", "", True),
        (["ann@example.org"], "ann", "", True),
        (["bob@example.org"], "ann", "", False),
        (["ann@example.net"], "ann", "ann@example.org", False),
        (["ann"], "ann", "", True),
        (["ann@example.org"], "", "", True),
    ],
)
def test_who_signed_in_is_compared_with_user_name_and_address(signed_in_as, username, address, is_right):
    assert is_the_owner(signed_in_as, username, address) is is_right
