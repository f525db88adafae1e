from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.inbound.control_values import AllowedValues, ControlValues
from core.inbound.facts import Bounce
from core.inbound.filters import CompiledFilter, compile_filter
from core.inbound.known import Sent
from core.inbound.loop_guard import LoopRule
from core.inbound.trail import Stage
from core.inbound.verdict import Ending, Known, KnownRecord, MessageFacts, Placement, Rules, Verdict, judge, settle
from core.mail.summary import summarise

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
N1, N2, N3 = "2026030110000001", "2026030110000002", "2026030110000003"

RULES = Rules(
    default_queue="Raw",
    queues={"Raw": "possible", "Support": "possible", "Strict": "reject", "Fresh": "new"},
    addresses={"help@example.org": "Support"},
    values=ControlValues(AllowedValues()),
    loop=LoopRule(host_marks=frozenset({"host-1"}), own_addresses=frozenset({"help@example.org"})),
)


def mail(
    subject: str = "hello",
    *more: str,
    sender: str = "ann@x.example",
    to: str = "help@example.org",
    message_id: str = "<1@x>",
    at: datetime = NOW,
    **facts: object,
) -> MessageFacts:
    lines = [f"From: {sender}", f"To: {to}", f"Subject: {subject}", f"Message-ID: {message_id}", *more]
    headers, summary = summarise("\r\n".join([*lines, "", "body"]).encode())
    return MessageFacts(headers, summary, at)._replace(**facts)


def place(facts: MessageFacts, known: Known | None = None, **rules: object) -> Placement:
    return settle(judge(facts, replace(RULES, **rules)), known or Known())


def rule(name: str, header: str, expression: str, *, stop: bool = False, **settings: str) -> CompiledFilter:
    values = {f"X-OTOBO-{key.replace('_', '-')}": value for key, value in settings.items()}
    return compile_filter(name, stop=stop, match=[{"header": header, "regex": expression}], settings=values)


def stages(placement: Placement) -> list[str]:
    return [step.stage for step in placement.trail]


def test_a_plain_message_makes_a_record_and_its_trail_tells_every_stage() -> None:
    placed = place(mail())
    assert placed.state is Ending.RECORDED
    assert placed.queue == "Support"
    assert placed.draft is not None
    assert placed.draft.title == "hello"
    assert stages(placed) == list(Stage)
    assert not placed.is_follow_up
    assert placed.complaints == ()


def test_endings_are_those_that_messages_are_stored_with() -> None:
    from core.models import MessageState

    assert {ending.value for ending in Ending} | {"too_large"} == {state.value for state in MessageState}


# Trust


SPOOF = ("X-OTOBO-Queue: Strict", "x-postroom-ignore: yes", "X-OTOBO-FollowUp-State: closed successful")


def test_untrusted_controls_are_removed_before_anything_sees_them() -> None:
    seen = rule("1", "X-OTOBO-Queue", ".", Title="seen")
    placed = place(mail("hello", *SPOOF), filters=(seen,))
    assert (placed.state, placed.queue) == (Ending.RECORDED, "Support")
    assert placed.draft is not None
    assert placed.draft.title == "hello"
    assert placed.trail[0].why == "3 control headers removed"


def test_untrusted_controls_that_nobody_knows_are_removed_too() -> None:
    facts = mail("hello", "X-OTOBO-Colour: red", "X-Postroom-AttachmentCount: 9")
    filters = (
        rule("1", "X-OTOBO-Colour", "red", Queue="Strict"),
        rule("2", "X-Postroom-AttachmentCount", "9", Queue="Strict"),
    )
    assert place(facts, filters=filters).queue == "Support"


def test_trusted_controls_are_executed() -> None:
    assert place(mail("hello", SPOOF[0]), trusted=True).queue == "Strict"
    assert place(mail("hello", *SPOOF), trusted=True).state is Ending.IGNORED


def test_unknown_values_are_told_and_defaults_stand() -> None:
    facts = mail("hello", "X-OTOBO-Queue: Nowhere", "X-OTOBO-State: on fire", "X-OTOBO-Colour: red")
    placed = place(facts, trusted=True)
    assert placed.queue == "Support"
    assert placed.draft is not None
    assert placed.draft.state == "new"
    assert {complaint.what for complaint in placed.complaints} == {"Queue", "State", "X-OTOBO-Colour"}


# Filters and ignore


def test_filters_set_controls_on_any_mail() -> None:
    filters = (rule("1", "Subject", "hello (.*)", Queue="[***]", Priority="5 very high"),)
    placed = place(mail("hello Strict"), filters=filters)
    assert placed.queue == "Strict"
    assert placed.draft is not None
    assert placed.draft.priority == "5 very high"
    assert [step.rule for step in placed.trail if step.stage is Stage.FILTERS] == ["1"]


def test_a_filter_beats_what_a_trusted_message_says() -> None:
    filters = (rule("1", "Subject", "hello", Queue="Strict"),)
    assert place(mail("hello", "X-OTOBO-Queue: Fresh"), trusted=True, filters=filters).queue == "Strict"


def test_ignored_mail_stops_there() -> None:
    known = Known([KnownRecord(N1, "Support", "open")])
    placed = place(mail(f"Ticket#{N1}"), known, filters=(rule("1", "Subject", "ticket", Ignore="yes"),))
    assert placed.state is Ending.IGNORED
    assert stages(placed)[-1] == Stage.IGNORE
    assert placed.record is None
    assert placed.draft is None


def test_attachments_are_counted_when_a_filter_asks() -> None:
    filters = (rule("1", "X-Postroom-AttachmentExists", "yes", Queue="Strict"),)
    assert place(mail(attachment_count=lambda: 2), filters=filters).queue == "Strict"
    assert place(mail(attachment_count=lambda: 0), filters=filters).queue == "Support"


def test_the_body_is_not_touched_unless_somebody_asks() -> None:
    def body() -> str:
        raise AssertionError

    assert place(mail(body=body)).state is Ending.RECORDED


# Bounces


BOUNCED = Bounce("<out@host>", ("gone@y.example",))


def test_a_bounce_of_our_mail_goes_to_its_record() -> None:
    known = Known([KnownRecord(N1, "Support", "open")], outgoing=[Sent((7,), "<out@host>", N1)])
    placed = place(mail(bounce=BOUNCED), known)
    assert (placed.state, placed.record and placed.record.number) == (Ending.BOUNCE, N1)
    assert stages(placed) == [Stage.TRUST, Stage.BOUNCE, Stage.BOUNCE]


@pytest.mark.parametrize("outgoing", [(), (Sent((7,), "<out@host>"),)])
def test_a_bounce_without_a_record_makes_none(outgoing: tuple[Sent, ...]) -> None:
    placed = place(mail(bounce=BOUNCED), Known(outgoing=outgoing))
    assert (placed.state, placed.record, placed.draft) == (Ending.BOUNCE, None, None)


# Loop guard


def test_the_twenty_first_record_of_a_sender_goes_to_quarantine() -> None:
    known = Known()
    endings = []
    for number in range(25):
        placed = place(
            mail(message_id=f"<{number}@x>", sender="Ann@X.example", at=NOW + timedelta(seconds=number)), known
        )
        known.note(placed, f"20260301100000{number:02}" if placed.draft else None)
        endings.append(placed.state)
    assert endings == [Ending.RECORDED] * 20 + [Ending.QUARANTINED] * 5
    assert placed.reason.startswith("loop guard: ann@x.example has made 20 records")
    assert stages(placed)[-1] == Stage.LOOP_GUARD


def test_years_of_old_mail_fetched_at_once_are_no_loop() -> None:
    known = Known()
    for number in range(60):
        placed = place(mail(message_id=f"<{number}@x>", at=NOW + timedelta(hours=number)), known)
        known.note(placed, f"20260301100000{number:02}")
        assert placed.state is Ending.RECORDED


def test_answers_do_not_count_for_other_people() -> None:
    known = Known([KnownRecord(N1, "Support", "open")])
    for number in range(60):
        placed = place(mail(f"Ticket#{N1}", message_id=f"<{number}@x>"), known)
        known.note(placed)
        assert placed.is_follow_up


def test_our_own_automatic_mail_makes_nothing() -> None:
    facts = mail("out of office", "X-Postroom-Loop: host-1", "Auto-Submitted: auto-replied")
    assert place(facts).state is Ending.QUARANTINED
    assert place(mail(sender="help@example.org", message_id="<2@x>")).state is Ending.RECORDED


def test_two_of_our_own_answering_each_other_come_to_an_end() -> None:
    known = Known([KnownRecord(N1, "Support", "open")])
    endings = []
    for number in range(50):
        placed = place(
            mail(f"Ticket#{N1}", "X-Postroom-Loop: host-1", message_id=f"<{number}@x>"),
            known,
            loop=LoopRule(records=0, host_marks=frozenset({"host-1"})),
        )
        known.note(placed)
        endings.append(placed.state)
    assert endings.count(Ending.RECORDED) == 20


def test_an_untrusted_mark_is_seen_though_control_headers_are_removed() -> None:
    verdict = judge(mail("x", "X-Postroom-Loop: host-1"), RULES)
    assert verdict.own == "it left through host-1"


# Follow-ups


def known_record(state: str = "open", queue: str = "Support") -> Known:
    return Known([KnownRecord(N1, queue, state, id=7)], message_ids={"<old@x>": N1})


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
    attached = mail(attachment_texts=lambda: ["nothing", f"Ticket#{N1}"])
    assert place(attached, known_record(), followup_in_attachments=True).is_follow_up


@pytest.mark.parametrize(
    ("queue", "state", "is_new", "new_state"),
    [
        ("Support", "closed successful", False, "open"),
        ("Strict", "closed successful", False, None),
        ("Fresh", "closed unsuccessful", True, None),
        ("Gone", "closed successful", False, "open"),
        ("Fresh", "open", False, None),
        ("Support", "pending reminder", False, None),
        ("Support", "new", False, None),
    ],
)
def test_a_closed_record_follows_its_queue(queue: str, state: str, is_new: bool, new_state: str | None) -> None:
    placed = place(mail(f"Ticket#{N1}"), known_record(state, queue))
    assert (placed.draft is not None) is is_new
    assert placed.changes.state == new_state
    if is_new:
        assert placed.queue == "Support"
        assert placed.record is None


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


def test_follow_ups_may_keep_the_state() -> None:
    kept = place(
        mail(f"Ticket#{N1}", "X-OTOBO-FollowUp-State-Keep: 1"), known_record("closed successful"), trusted=True
    )
    assert kept.changes.state is None
    rejected = place(mail(f"Ticket#{N1}", *FOLLOW), known_record("closed successful", "Strict"), trusted=True)
    assert (rejected.changes.state, rejected.changes.pending_until) == (None, None)


def test_an_unknown_follow_up_queue_is_told() -> None:
    placed = place(mail(f"Ticket#{N1}", "X-OTOBO-FollowUp-Queue: Nowhere"), known_record(), trusted=True)
    assert placed.changes.queue is None
    assert [complaint.what for complaint in placed.complaints] == ["FollowUp-Queue"]


# The fold over a batch


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


def test_a_new_record_needs_its_number() -> None:
    with pytest.raises(ValueError, match="number"):
        Known().note(place(mail()))


def test_the_same_message_in_two_folders_is_one_record() -> None:
    known = Known()
    known.note(place(mail(folder="INBOX", sha256="aa"), known), N1)
    copy = place(mail(folder="Archive", sha256="aa"), known)
    assert (copy.is_copy, copy.record and copy.record.number, copy.draft) == (True, N1, None)
    known.note(copy)
    twin = place(mail(folder="INBOX", sha256="aa"), known)
    assert twin.draft is not None, "two of the same in one folder are two records"
    assert place(mail(folder="Archive", sha256="bb"), known).draft is not None
    assert place(mail(folder="Archive", sha256="aa", message_id=""), known).draft is not None


@given(
    st.lists(
        st.sampled_from(
            ["From", "To", "Subject", "X-OTOBO-Queue", "X-OTOBO-FollowUp-State", "References", "Message-ID", "Cc"]
        ).flatmap(lambda name: st.text(max_size=60).map(lambda value: (name, value))),
        max_size=12,
    ),
    st.booleans(),
)
def test_any_headers_come_to_exactly_one_end(fields: list[tuple[str, str]], trusted: bool) -> None:
    raw = "\r\n".join(f"{name}: {value}" for name, value in fields).encode("utf-8", "surrogatepass") + b"\r\n\r\n"
    headers, summary = summarise(raw)
    verdict: Verdict = judge(MessageFacts(headers, summary, NOW), replace(RULES, trusted=trusted))
    placed = settle(verdict, Known())
    assert placed.state in set(Ending)
    assert (placed.draft is None) == (placed.state is not Ending.RECORDED)
    assert all(str(part).isprintable() for step in placed.trail for part in step)
