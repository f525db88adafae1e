import pytest

from core.mail.bounces import Action, Bounce, BouncedRecipient, read_bounce
from core.mail.headers import read_header_block
from tests.corpus.nasty import small_messages


def bounce_in(defect: str) -> Bounce | None:
    raw = small_messages()[defect]
    return read_bounce(read_header_block(raw), raw)


def test_a_report_names_recipient_reason_and_message() -> None:
    bounce = bounce_in("bounce-hard")
    assert bounce is not None
    assert bounce == Bounce(
        (BouncedRecipient("bob@example.org", Action.FAILED, "5.1.1", "550 5.1.1 no such user"),),
        original_message_id="<sent@example.com>",
        original_envelope_id="e1",
    )
    assert bounce.is_hard


@pytest.mark.parametrize(
    ("told", "address"),
    [
        (rb"utf-8; j\x{FC}rg@example.org", "jürg@example.org"),
        (rb"UTF-8; j\x{0}\x{D800}rg@example.org", "j\\x{0}\ufffdrg@example.org"),
        ("utf-8; jürg@example.org".encode(), "jürg@example.org"),
        (rb"rfc822; j\x{FC}rg@example.org", r"j\x{FC}rg@example.org"),
    ],
)
def test_an_address_beyond_ascii_is_read_in_each_of_its_forms(told: bytes, address: str) -> None:
    raw = (
        small_messages()["bounce-hard"]
        .replace(b"rfc822; bob@example.org", told)
        .replace(b"rfc822;bob@example.org", told)
    )
    bounce = read_bounce(read_header_block(raw), raw)
    assert bounce is not None
    assert [recipient.address for recipient in bounce.recipients] == [address]


def test_each_recipient_has_its_own_outcome() -> None:
    bounce = bounce_in("bounce-delayed-and-failed-without-status")
    assert bounce is not None
    assert [(r.address, r.action, r.status, r.is_hard) for r in bounce.recipients] == [
        ("a@example.org", Action.DELAYED, "4.4.1", False),
        # The status says no more than "permanent"; the diagnostic says that the mailbox is full.
        ("b@example.org", Action.FAILED, "4.2.2", False),
        ("c@example.org", Action.FAILED, "5.0.0", True),
    ]


@pytest.mark.parametrize(
    "other", ["bounce-without-recipients", "report-of-a-reading", "html-alone", "attachment-message-inside", "empty"]
)
def test_other_mail_is_no_bounce(other: str) -> None:
    assert bounce_in(other) is None


def test_a_report_in_plain_text_of_another_type_is_no_bounce() -> None:
    raw = small_messages()["bounce-hard"].replace(b"multipart/report", b"multipart/mixed")
    assert read_bounce(read_header_block(raw), raw) is None
