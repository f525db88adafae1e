"""Follow-ups within the chain of decisions: which record a message joins, and what it changes there."""

from datetime import timedelta

import pytest

from core.inbound import record_types
from core.inbound.control_values import AllowedValues, ControlValues
from core.inbound.decisions.changes import RecordChanges
from core.inbound.decisions.known import Known, Sent
from core.inbound.decisions.placement import Ending, KnownRecord
from core.inbound.trail import Stage
from tests.inbound.verdicts import N1, N2, N3, NOW, known_record, mail, place, rule, stages


@pytest.mark.parametrize(
    ("subject", "more"),
    [(f"Re: [Ticket#{N1}] x", ()), ("x", ("In-Reply-To: <old@x>",)), ("x", ("References: <old@x> <unknown@y>",))],
)
def test_a_follow_up_joins_its_record_whatever_its_address(subject: str, more: tuple[str, ...]) -> None:
    placed = place(mail(subject, *more, to="elsewhere@example.org"), known_record())
    assert placed.is_follow_up
    assert placed.record is not None
    assert (placed.record.id, placed.queue, placed.draft) == (7, None, None)
    assert not placed.changes
    assert stages(placed) == list(Stage)[:-1]


@pytest.mark.parametrize("subject", [f"Ticket#{N2}", "Ticket#2026030111000001"])
def test_a_number_that_is_not_known_makes_a_new_record(subject: str) -> None:
    assert place(mail(subject), known_record()).draft is not None


def test_the_body_counts_only_by_setting() -> None:
    facts = mail(body=lambda: f"see Ticket#{N1}")
    assert place(facts, known_record()).draft is not None
    assert place(facts, known_record(), followup_in_body=True).is_follow_up
    assert place(facts, known_record(), followup_in_attachments=True).draft is not None
    attached = mail(attachment_texts=lambda: ["nothing", f"Ticket#{N1}"])
    assert place(attached, known_record(), followup_in_attachments=True).is_follow_up
    assert place(attached, known_record(), followup_in_body=True).draft is not None


@pytest.mark.parametrize(
    ("subject", "why"),
    [
        ("hello", "no record number, answers nothing"),
        (f"Ticket#{N2}", "what it names or answers is on no record"),
    ],
)
def test_the_trail_says_why_it_is_no_follow_up(subject: str, why: str) -> None:
    assert [step.why for step in place(mail(subject), known_record()).trail if step.stage is Stage.FOLLOW_UP] == [why]


@pytest.mark.parametrize(
    ("queue", "state", "is_new", "new_state"),
    [
        ("Support", "closed successful", False, "open"),
        ("Strict", "closed successful", False, None),
        ("Fresh", "closed unsuccessful", True, None),
        ("Gone", "closed successful", False, "open"),
        ("Fresh", "open", False, None),
        ("Support", "pending reminder", False, "open"),
        ("Strict", "pending auto close", False, "open"),
        ("Fresh", "pending auto close", False, "open"),
        ("Support", "new", False, None),
    ],
)
def test_a_closed_record_follows_its_queue_and_a_pending_one_is_opened(
    queue: str, state: str, is_new: bool, new_state: str | None
) -> None:
    placed = place(mail(f"Ticket#{N1}"), known_record(state, queue))
    assert (placed.draft is not None) is is_new
    assert placed.changes.state == new_state
    if is_new:
        assert placed.queue == "Support"
        assert placed.record is None


@pytest.mark.parametrize("queue", ["Support", "Fresh", "Strict"])
@pytest.mark.parametrize("state", ["closed successful", "pending reminder", "open"])
@pytest.mark.parametrize("shown_by", ["sender", "mark"])
@pytest.mark.parametrize("through", [(), ("List-Id: <x.example>", "Precedence: list")], ids=["redirection", "list"])
def test_our_own_answer_that_comes_back_changes_nothing(
    queue: str, state: str, shown_by: str, through: tuple[str, ...]
) -> None:
    more = (*through, "X-Postroom-Loop: host-1") if shown_by == "mark" else through
    sender = "help@example.org" if shown_by == "sender" else "list@x.example"
    facts = mail(f"Re: [Ticket#{N1}] x", *more, sender=sender, message_id="<out@host>")
    known = Known([KnownRecord(N1, queue, state, id=7)], outgoing=[Sent((3,), "<out@host>", N1)])
    placed = place(facts, known)
    assert placed.is_follow_up
    assert not placed.changes
    assert placed.trail[-1].why.endswith(f"our own answer came back to record {N1}")


@pytest.mark.parametrize("answered", [N2, None])
def test_what_we_sent_without_answering_the_record_is_a_follow_up_as_any(answered: str | None) -> None:
    """A program of ours may report on a record that is closed."""
    facts = mail(f"[Ticket#{N1}] again", sender="help@example.org", message_id="<out@host>")
    known = Known(
        [KnownRecord(N1, "Support", "closed successful", id=7)], outgoing=[Sent((3,), "<out@host>", answered)]
    )
    assert place(facts, known).changes.state == "open"


def test_our_own_answer_that_comes_back_without_end_is_stopped() -> None:
    facts = mail(sender="help@example.org", message_id="<out@host>")
    known = Known(
        [KnownRecord(N1, "Support", "open", id=7)],
        outgoing=[Sent((3,), "<out@host>", N1)],
        recorded_at={"help@example.org": [NOW - timedelta(minutes=minute) for minute in range(20)]},
    )
    assert place(facts, known).ending is Ending.QUARANTINED


def test_whoever_takes_our_message_id_does_not_speak_for_us() -> None:
    facts = mail(f"[Ticket#{N1}] again", message_id="<out@host>")
    known = Known([KnownRecord(N1, "Support", "closed successful", id=7)], outgoing=[Sent((3,), "<out@host>", N1)])
    assert place(facts, known).changes.state == "open"


FOLLOW = (
    "X-OTOBO-Queue: Strict",
    "X-OTOBO-State: pending reminder",
    "X-OTOBO-FollowUp-Queue: Fresh",
    "X-OTOBO-FollowUp-State: pending reminder",
    "X-OTOBO-FollowUp-State-PendingTime: +2h",
    "X-OTOBO-FollowUp-Priority: 5 very high",
    "X-OTOBO-FollowUp-Title: better",
)


def test_follow_up_controls_change_the_record_and_the_others_do_not() -> None:
    changes = place(mail(f"Ticket#{N1}", *FOLLOW), known_record(), trusted=True).changes
    assert (changes.queue, changes.state, changes.priority, changes.title) == (
        "Fresh",
        "pending reminder",
        "5 very high",
        "better",
    )
    assert changes.pending_until == NOW + timedelta(hours=2)
    new = place(mail("x", *FOLLOW), known_record(), trusted=True)
    assert (new.queue, new.draft and new.draft.state, bool(new.changes)) == ("Strict", "pending reminder", False)


@pytest.mark.parametrize(
    ("header", "value", "changed"),
    [
        ("Lock", "lock", {"lock": "lock"}),
        ("Owner", "ann", {"owner": "ann"}),
        ("OwnerID", "1", {"owner": "ann"}),
        ("Responsible", "ann", {"responsible": "ann"}),
        ("Type", "Incident", {"fields": {"Type": "Incident"}}),
        ("Service", "Mail", {"fields": {"Service": "Mail"}}),
        ("SLA", "Gold", {"fields": {"SLA": "Gold"}}),
        ("DynamicField-Room", "7", {"fields": {"Room": "7"}}),
    ],
)
def test_what_a_follow_up_may_change(header: str, value: str, changed: dict[str, object]) -> None:
    lists = AllowedValues(
        types=("Incident",), services=("Mail",), slas=("Gold",), owners=("ann",), dynamic_fields=("Room",)
    )
    asked = mail(f"Ticket#{N1}", f"X-OTOBO-FollowUp-{header}: {value}")
    placed = place(asked, known_record(), trusted=True, values=ControlValues(lists))
    assert (placed.changes, placed.complaints) == (RecordChanges(**changed), ())


def test_follow_ups_may_keep_the_state() -> None:
    kept = place(
        mail(f"Ticket#{N1}", "X-OTOBO-FollowUp-State-Keep: 1"), known_record("closed successful"), trusted=True
    )
    assert kept.changes.state is None
    rejected = place(mail(f"Ticket#{N1}", *FOLLOW), known_record("closed successful", "Strict"), trusted=True)
    assert (rejected.changes.state, rejected.changes.pending_until) == (None, None)


@pytest.mark.parametrize("state", ["closed successful", "pending auto close"])
def test_the_trail_says_whether_the_record_is_opened(state: str) -> None:
    opened = place(mail(f"Ticket#{N1}"), known_record(state))
    kept = place(mail(f"Ticket#{N1}", "X-OTOBO-FollowUp-State-Keep: 1"), known_record(state), trusted=True)
    assert [placed.trail[-1].why.endswith(", which it opens") for placed in (opened, kept)] == [True, False]


def test_an_unknown_follow_up_queue_is_told() -> None:
    placed = place(mail(f"Ticket#{N1}", "X-OTOBO-FollowUp-Queue: Nowhere"), known_record(), trusted=True)
    assert placed.changes.queue is None
    assert [complaint.what for complaint in placed.complaints] == ["FollowUp-Queue"]


def test_mail_two_may_answer_mail_one() -> None:
    known = Known()
    first = place(mail(message_id="<first@x>"), known)
    known.note(first, N1)
    by_reference = place(mail("x", "In-Reply-To: <first@x>", message_id="<second@x>"), known)
    assert by_reference.record == KnownRecord(N1, "Support", "new")
    known.note(by_reference)
    third = place(mail("x", "In-Reply-To: <second@x>", message_id="<third@x>"), known)
    assert third.record is not None
    assert third.record.number == N1
    assert place(mail(f"Ticket#{N1}"), known).is_follow_up


def test_mail_two_sees_what_mail_one_changed() -> None:
    known = known_record("closed successful")
    first = place(mail(f"Ticket#{N1}", "X-OTOBO-FollowUp-Queue: Fresh"), known, trusted=True)
    known.note(first)
    second = place(mail(f"Ticket#{N1}", message_id="<2@x>"), known)
    assert second.record == KnownRecord(N1, "Fresh", "open", id=7)
    assert not second.changes


def test_a_quarantined_or_ignored_message_leads_nowhere() -> None:
    known = Known()
    ignored = place(mail(message_id="<i@x>"), known, filters=(rule("1", "Subject", "hello", Ignore="yes"),))
    known.note(ignored)
    assert place(mail("x", "In-Reply-To: <i@x>", message_id="<2@x>"), known).draft is not None


def test_a_forged_message_id_does_not_take_over_answers() -> None:
    known = Known()
    known.note(place(mail(message_id="<same@x>"), known), N1)
    known.note(place(mail(message_id="<same@x>", sender="eve@evil.example"), known), N2)
    answer = place(mail("x", "In-Reply-To: <same@x>", message_id="<3@x>"), known)
    assert answer.record is not None
    assert answer.record.number == N1


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        ("X-OTOBO-FollowUp-Queue: Fresh", KnownRecord(N1, "Fresh", "new", id=7)),
        ("X-OTOBO-FollowUp-State: open", KnownRecord(N1, "Support", "open", id=7)),
        ("X-OTOBO-FollowUp-Title: x", KnownRecord(N1, "Support", "new", id=7)),
    ],
)
def test_what_mail_one_left_as_it_was_mail_two_finds_so(control: str, expected: KnownRecord) -> None:
    known = known_record("new")
    known.note(place(mail(f"Ticket#{N1}", control), known, trusted=True))
    assert place(mail(f"Ticket#{N1}", message_id="<2@x>"), known).record == expected


def test_mail_two_knows_the_type_of_the_record_that_mail_one_made() -> None:
    known = Known()
    known.note(place(mail(message_id="<first@x>", body=str), known, record_type=record_types.get("Grievance")), N1)
    answer = place(mail("x", "In-Reply-To: <first@x>", message_id="<2@x>"), known)
    assert answer.record == KnownRecord(N1, "Support", "new", type="Grievance")


def test_a_message_of_this_account_leads_before_the_same_one_of_another_account() -> None:
    known = Known([KnownRecord(N2, "Support", "open")], {"<1@x>": N2}, of_others={"<1@x>"})
    known.note(place(mail(), known), N1)
    known.note(place(mail(), known), N3)
    answer = place(mail("x", "In-Reply-To: <1@x>", message_id="<2@x>"), known)
    assert answer.record is not None
    assert answer.record.number == N1, "the first of this account"


def test_a_new_record_needs_its_number() -> None:
    with pytest.raises(ValueError, match="number"):
        Known().note(place(mail()))
