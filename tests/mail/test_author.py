"""Who wrote a message that came through a list."""

import pytest

from core.mail.author import author_of
from core.mail.headers import Headers

GROUP = ("From", "'Jane Roe' via Support <support@example.org>")
POST = ("List-Post", "<https://groups.example.com/support/post>, <mailto:support@example.org>")
JANE = "Jane Roe <jane@example.com>"


@pytest.mark.parametrize(
    "fields",
    [
        [GROUP, POST, ("X-Original-From", JANE), ("Reply-To", "support@example.org")],
        [GROUP, POST, ("X-Original-Sender", "jane@example.com")],
        [GROUP, POST, ("Reply-To", f"support@example.org, {JANE}")],
        [GROUP, ("X-Original-From", JANE)],
        [GROUP, ("List-Post", "<mailto:Support%40example.org?subject=x>"), ("Reply-To", JANE)],
        [("From", JANE), POST, ("Reply-To", "support@example.org")],
        [("From", ""), ("Sender", JANE)],
        [("From", JANE), ("Reply-To", "john@example.com")],
    ],
    ids=["Google", "Google without a name", "Mailman", "a forwarder", "encoded", "not rewritten", "sender", "no list"],
)
def test_the_author_is_who_wrote_and_not_the_list(fields: list[tuple[str, str]]) -> None:
    assert author_of(Headers(fields)) == "jane@example.com"


@pytest.mark.parametrize("fields", [[], [POST], [("X-Original-Sender", "support@example.org")], [POST, POST]])
def test_a_list_that_tells_nobody_else_wrote_itself(fields: list[tuple[str, str]]) -> None:
    assert author_of(Headers([GROUP, *fields])) == "support@example.org"


def test_nobody_is_nobody() -> None:
    assert author_of(Headers([("From", "nobody"), ("X-Original-From", JANE)])) == ""
