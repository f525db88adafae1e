"""What a report does to the recipients of a message: a table."""

import pytest

from core.mail.bounces import Action, BouncedRecipient
from core.models import OutgoingState
from core.outbox.bounces import SentTo, noted

HARD = ("5.1.1", "no such user")
SOFT = ("4.2.2", "mailbox full")


def to(address, state="sent", *, key=1, is_bcc=False, status="", in_hand=False):
    return SentTo(key, address, is_bcc, state, status, is_in_hand=in_hand)


def said(address, status=HARD, action=Action.FAILED):
    return BouncedRecipient(address, action, *status)


@pytest.mark.parametrize(
    ("recipients", "outcome", "becomes"),
    [
        ([to("bob@x.example")], said("Bob@X.example"), {1: ("bounced", True)}),
        ([to("bob@x.example")], said("bob@x.example", SOFT), {1: ("bounced", False)}),
        ([to("bob@x.example")], said("bob@x.example", ("", "")), {1: ("bounced", False)}),
        # For good, and not for the address: too large, its content, who sent it.
        ([to("bob@x.example")], said("bob@x.example", ("5.3.4", "too large")), {1: ("bounced", False)}),
        ([to("bob@x.example")], said("bob@x.example", ("5.6.0", "content")), {1: ("bounced", False)}),
        ([to("bob@x.example")], said("bob@x.example", ("5.7.26", "neither SPF nor DKIM")), {1: ("bounced", False)}),
        ([to("bob@x.example")], said("bob@x.example", ("5.4.1", "access denied")), {1: ("bounced", True)}),
        # Nor for what will be over, or what the words say of the sender.
        ([to("bob@x.example")], said("bob@x.example", ("5.2.2", "mailbox full")), {1: ("bounced", False)}),
        ([to("bob@x.example")], said("bob@x.example", ("5.1.1", "553 listed at spamhaus")), {1: ("bounced", False)}),
        ([to("bob@x.example")], said("bob@x.example", ("5.7.1", "550 5.7.1 no such user")), {1: ("bounced", True)}),
        # Case tells no addresses apart, ours or the report's.
        ([to("Bob@x.example"), to("eve@x.example", key=2)], said("bOB@x.example"), {1: ("bounced", True)}),
        # Passed on: the report names where to.
        ([to("Bob@x.example"), to("copy@x.example", key=2, is_bcc=True)], said("robert@y.example"), {1: ("bounced", True)}),
        ([to("bob@x.example")], said("robert@y.example"), {1: ("bounced", True)}),
        ([to("bob@x.example"), to("eve@x.example", key=2)], said("robert@y.example"), {}),
        ([to("bob@x.example"), to("copy@x.example", key=2, is_bcc=True)], said("copy@x.example"), {2: ("bounced", True)}),
        # It may have been taken, and it was.
        ([to("bob@x.example", "uncertain")], said("bob@x.example"), {1: ("bounced", True)}),
        # The report is faster than our own note.
        ([to("bob@x.example", "queued", in_hand=True)], said("bob@x.example"), {1: ("bounced", True)}),
        # What no relay took cannot come back.
        ([to("bob@x.example", "queued")], said("bob@x.example"), {}),
        ([to("bob@x.example", "failed")], said("bob@x.example"), {}),
        # A second report: for good after for now counts, for good after for good does not.
        ([to("bob@x.example", "bounced", status="4.2.2")], said("bob@x.example"), {1: ("bounced", True)}),
        ([to("bob@x.example", "bounced", status="5.1.1")], said("bob@x.example"), {}),
        ([to("bob@x.example", "bounced", status="5.1.1")], said("bob@x.example", SOFT), {}),
        # Delayed: it may still come.
        ([to("bob@x.example")], said("bob@x.example", SOFT, Action.DELAYED), {1: ("sent", False)}),
        ([to("bob@x.example", "uncertain")], said("bob@x.example", SOFT, Action.DELAYED), {}),
        ([to("bob@x.example", "bounced", status="4.2.2")], said("bob@x.example", SOFT, Action.DELAYED), {}),
        ([to("bob@x.example")], said("bob@x.example", ("2.0.0", ""), Action.DELIVERED), {}),
    ],
)  # fmt: skip
def test_a_report_and_what_becomes_of_whom(recipients, outcome, becomes):
    assert {one.id: (one.state.value, one.is_unreachable) for one in noted(recipients, [outcome])} == becomes


def test_the_text_says_who_how_and_why():
    [hard] = noted([to("bob@x.example")], [said("bob@x.example")])
    [soft] = noted([to("bob@x.example")], [said("bob@x.example", ("4.2.2", "a\x1b[2Jb"))])

    assert (hard.state, hard.status) == (OutgoingState.BOUNCED, "5.1.1")
    assert hard.text == "bob@x.example bounced for good: 5.1.1 no such user"
    assert soft.text.startswith("bob@x.example bounced for now: 4.2.2 a")
    assert "\x1b" not in soft.text


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (("5.1.1", ""), "bounced for good: 5.1.1"),
        (("5.1.1", "550 5.1.1 no such user"), "bounced for good: 550 5.1.1 no such user"),
        (("", "no such user"), "bounced for now: no such user"),
        (("", ""), "bounced for now: no reason was given"),
    ],
)
def test_the_text_names_what_the_report_gives(reason, text):
    assert [one.text for one in noted([to("bob@x.example")], [said("bob@x.example", reason)])] == [
        f"bob@x.example {text}"
    ]
