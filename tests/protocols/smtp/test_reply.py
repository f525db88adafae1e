"""What a reply of an SMTP server says."""

import pytest

from core.protocols.smtp.reply import is_too_many_recipients


@pytest.mark.parametrize(
    ("code", "enhanced", "text", "is_so"),
    [
        (452, "4.5.3", "Error: too many recipients", True),
        (452, "", "Too many recipients received this hour", True),
        (552, "5.5.3", "too many", True),
        (550, "5.5.3", "RESOLVER.ADR.RecipLimit; too many recipients", True),
        (451, "4.5.3", "one domain at a time", True),
        (552, "5.2.2", "mailbox full, too many messages", False),
        (450, "4.7.1", "too many connections", False),
        (452, "4.3.1", "insufficient system storage", False),
    ],
)
def test_too_many_recipients_are_told_from_other_refusals(code: int, enhanced: str, text: str, is_so: bool) -> None:
    assert is_too_many_recipients(code, enhanced, text) is is_so
