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


def reported(*groups: str) -> Bounce | None:
    """A report whose machine-readable part holds these groups of fields."""
    lines = [
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b",
        "",
        "--b",
        "Content-Type: message/delivery-status",
        "",
        "",
        "Reporting-MTA: dns; relay.example",
        "",
        "\n\n".join(groups),
        "--b--",
        "",
    ]
    raw = "\n".join(lines).replace("\n", "\r\n").encode()
    return read_bounce(read_header_block(raw), raw)


@pytest.mark.parametrize(
    ("fields", "address", "action", "status"),
    [
        ("Final-Recipient: rfc822; <bob@x.example>\nAction: failed\nStatus: 5.1.1", "bob@x.example", "failed", "5.1.1"),
        ("Final-Recipient: bob@x.example\nAction: failed\nStatus: 5.1.1", "bob@x.example", "failed", "5.1.1"),
        # Whom we sent it to, not where it was passed on to.
        (
            "Original-Recipient: rfc822; bob@x.example\nFinal-Recipient: rfc822; b2@y.example\nAction: failed",
            "bob@x.example", "failed", "",
        ),
        ("Final-Recipient: rfc822; b@x\nAction: Failed (gave up)\nStatus: 5.1.1 (bad)", "b@x", "failed", "5.1.1"),
        ("Final-Recipient: rfc822; b@x\nAction: delivered\nStatus: 2.0.0", "b@x", "delivered", "2.0.0"),
        # What is declared counts before the other server's words, unless it says nothing.
        ("Final-Recipient: rfc822; b@x\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 452 4.2.2 full", "b@x", "failed", "5.1.1"),
        ("Final-Recipient: rfc822; b@x\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 452 4.2.2 full", "b@x", "failed", "4.2.2"),
        ("Final-Recipient: rfc822; b@x\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; no reason", "b@x", "failed", "5.0.0"),
        ("Final-Recipient: rfc822; b@x\nAction: failed\nDiagnostic-Code: smtp; 550 no such user", "b@x", "failed", "5.1.1"),
        ("Final-Recipient: rfc822; b@x\nAction: failed\nStatus: 4.0.0\nDiagnostic-Code: smtp; no such user", "b@x", "failed", "4.1.1"),
        ("Final-Recipient: rfc822; b@x\nAction: delivered\nStatus: 2.0.0\nDiagnostic-Code: smtp; 250 not spam", "b@x", "delivered", "2.0.0"),
        ("Final-Recipient: rfc822; b@x\nAction: failed\nDiagnostic-Code: X-Unix; no reason", "b@x", "failed", ""),
        ("Final-Recipient: rfc822;b@x", "b@x", "failed", ""),
        ("Final-Recipient: rfc822;b@x\nStatus: 2.1.5", "b@x", "delivered", "2.1.5"),
    ],
)  # fmt: skip
def test_what_a_report_says_of_a_recipient(fields: str, address: str, action: str, status: str) -> None:
    bounce = reported(fields)
    assert bounce is not None
    assert [(one.address, one.action.value, one.status) for one in bounce.recipients] == [(address, action, status)]


@pytest.mark.parametrize("fields", ["Action: failed\nStatus: 5.1.1", "Final-Recipient: rfc822; b@x\nAction: lost"])
def test_a_group_that_names_nobody_or_no_outcome_tells_nothing(fields: str) -> None:
    known = "Final-Recipient: rfc822; c@x\nAction: failed"
    assert reported(fields) is None
    both = reported(fields, "", known)
    assert both is not None
    assert [one.address for one in both.recipients] == ["c@x"]


@pytest.mark.parametrize(
    ("outcomes", "is_failure", "is_hard"),
    [
        ([("failed", "5.1.1")], True, True),
        ([("failed", "4.2.2")], True, False),
        ([("delayed", "5.0.1")], True, False),
        ([("delivered", "2.0.0")], False, False),
        ([("relayed", "5.0.1"), ("expanded", "2.0.0")], False, False),
        ([("delivered", "2.0.0"), ("failed", "5.1.1")], True, True),
    ],
)
def test_a_report_is_of_a_failure_when_one_recipient_is(
    outcomes: list[tuple[str, str]], is_failure: bool, is_hard: bool
) -> None:
    bounce = reported(*(f"Final-Recipient: rfc822; b@x\nAction: {one}\nStatus: {status}" for one, status in outcomes))
    assert bounce is not None
    assert (bounce.is_failure, bounce.is_hard) == (is_failure, is_hard)


def test_of_a_hostile_number_of_recipients_a_thousand_are_read() -> None:
    bounce = reported(*(f"Final-Recipient: rfc822; b{number}@x\nAction: failed" for number in range(1_200)))
    assert bounce is not None
    assert len(bounce.recipients) == 1_000


def test_a_recipient_whose_name_stands_twice_is_one() -> None:
    bounce = reported(
        "Original-Recipient: rfc822;bob@example.org\nFinal-Recipient: rfc822;bob@example.org\n"
        "Original-Recipient: rfc822;bob@example.org\nAction: failed\nStatus: 5.1.1"
    )
    assert bounce is not None
    assert [(one.address, one.status) for one in bounce.recipients] == [("bob@example.org", "5.1.1")]


def test_a_recipient_who_is_named_in_two_ways_is_one() -> None:
    bounce = reported(
        "Final-Recipient: rfc822; bob@example.org\nFinal-Recipient: LOCAL; bob\nAction: failed\nStatus: 5.1.1\n"
        "Final-Recipient: rfc822; ann@example.org\nAction: failed\nStatus: 5.2.2"
    )
    assert bounce is not None
    told = [(one.address, one.status) for one in bounce.recipients]
    assert told == [("bob@example.org", "5.1.1"), ("ann@example.org", "5.2.2")]
