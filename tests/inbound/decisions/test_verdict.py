"""The chain of decisions about one message: trust, filters, ignoring, bounces; every message comes to one end."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.inbound.control_headers import Controls
from core.inbound.decisions.facts import Bounce, MessageFacts
from core.inbound.decisions.known import Copy, Known, Same, Sent
from core.inbound.decisions.placement import Ending, KnownRecord, Verdict
from core.inbound.decisions.verdict import judge, settle
from core.inbound.record_types import MessageView, RecordDraft
from core.inbound.trail import Complaint, Stage, Step
from core.mail.summary import summarise
from tests.inbound.verdicts import N1, N2, NOW, RULES, mail, place, rule, stages


def test_a_plain_message_makes_a_record_and_its_trail_tells_every_stage() -> None:
    placed = place(mail())
    assert placed.ending is Ending.RECORDED
    assert placed.queue == "Support"
    assert placed.draft is not None
    assert placed.draft.title == "hello"
    assert stages(placed) == list(Stage)
    assert not placed.is_follow_up
    assert placed.complaints == ()


def test_endings_are_those_that_messages_are_stored_with() -> None:
    from core.models import MessageState

    assert {ending.value for ending in Ending} | {"too_large"} == {state.value for state in MessageState}


SPOOF = ("X-OTOBO-Queue: Strict", "x-postroom-ignore: yes", "X-OTOBO-FollowUp-State: closed successful")


def test_untrusted_controls_are_removed_before_anything_sees_them() -> None:
    seen = rule("1", "X-OTOBO-Queue", ".", Title="seen")
    placed = place(mail("hello", *SPOOF), filters=(seen,))
    assert (placed.ending, placed.queue) == (Ending.RECORDED, "Support")
    assert placed.draft is not None
    assert placed.draft.title == "hello"
    assert (placed.trail[0].rule, placed.trail[0].why) == ("untrusted", "3 control headers removed")


ODD = Complaint("Field", "?", "it is odd")


class Curious:
    """A record type of a package: it tells what it sees of the message, and complains."""

    name, hook = "Curious", "Curious#"

    def draft(self, message: MessageView, controls: Controls) -> RecordDraft:
        return RecordDraft(message.headers.raw("X-OTOBO-Queue") or "nothing", complaints=(ODD,))


@pytest.mark.parametrize(("trusted", "title"), [(False, "nothing"), (True, "Strict")])
def test_a_record_type_sees_no_untrusted_controls_and_its_complaints_are_told(trusted: bool, title: str) -> None:
    placed = place(mail("hello", SPOOF[0]), trusted=trusted, record_type=Curious())
    assert placed.draft is not None
    assert placed.draft.title == title
    assert placed.complaints == (ODD,)


class Late(Curious):
    """One whose draft fails only when somebody looks."""

    def draft(self, message: MessageView, controls: Controls) -> RecordDraft:
        return type("Draft", (), {"title": "", "complaints": (), "fields": property(lambda _: {}["x"])})()


def test_a_record_type_that_fails_when_its_draft_is_looked_at_is_named() -> None:
    with pytest.raises(KeyError) as failed:
        judge(mail(), replace(RULES, record_type=Late()))
    assert failed.value.__notes__ == ["record type Curious"]


def test_untrusted_controls_that_nobody_knows_are_removed_too() -> None:
    facts = mail("hello", "X-OTOBO-Colour: red", "X-Postroom-AttachmentCount: 9")
    filters = (
        rule("1", "X-OTOBO-Colour", "red", Queue="Strict"),
        rule("2", "X-Postroom-AttachmentCount", "9", Queue="Strict"),
    )
    assert place(facts, filters=filters).queue == "Support"


@pytest.mark.parametrize(
    ("more", "trusted", "rule", "why"),
    [
        ((), False, "untrusted", "no control headers"),
        ((), True, "trusted", "no control headers"),
        (("X-OTOBO-Queue: Strict",), True, "trusted", "says Queue"),
        (("X-OTOBO-Colour: red",), True, "trusted", "says nothing"),
    ],
)
def test_the_trail_says_what_became_of_control_headers(
    more: tuple[str, ...], trusted: bool, rule: str, why: str
) -> None:
    assert place(mail("hello", *more), trusted=trusted).trail[0] == Step(Stage.TRUST, rule, why)


def test_trusted_controls_are_executed() -> None:
    assert place(mail("hello", SPOOF[0]), trusted=True).queue == "Strict"
    assert place(mail("hello", *SPOOF), trusted=True).ending is Ending.IGNORED


def test_unknown_values_are_told_and_defaults_stand() -> None:
    facts = mail("hello", "X-OTOBO-Queue: Nowhere", "X-OTOBO-State: on fire", "X-OTOBO-Colour: red")
    placed = place(facts, trusted=True)
    assert placed.queue == "Support"
    assert placed.draft is not None
    assert placed.draft.state == "new"
    assert {complaint.what for complaint in placed.complaints} == {"Queue", "State", "X-OTOBO-Colour"}


def test_filters_set_controls_on_any_mail() -> None:
    filters = (rule("1", "Subject", "hello (.*)", Queue="[***]", Priority="5 very high"),)
    placed = place(mail("hello Strict"), filters=filters)
    assert placed.queue == "Strict"
    assert placed.draft is not None
    assert placed.draft.priority == "5 very high"
    assert [step.rule for step in placed.trail if step.stage is Stage.FILTERS] == ["1"]


def test_without_a_filter_that_matches_the_trail_says_so() -> None:
    placed = place(mail(), filters=(rule("1", "Subject", "invoice", Queue="Strict"),))
    assert Step(Stage.FILTERS, "", "no filter matched") in placed.trail


def test_a_filter_that_takes_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.inbound.decisions.expression.SECONDS", 0.1)
    # Not stopped, this one would not end.
    slow = rule("slow", "Subject", "(a+)+$", Queue="Strict")
    placed = place(mail("a" * 5_000 + "b"), filters=(slow,))
    assert placed.queue == "Support"
    assert [complaint.what for complaint in placed.complaints] == ["filter slow"]


def test_which_headers_name_an_address_is_a_setting() -> None:
    tagged, behind = (
        mail(to="help+x@example.org"),
        mail("hello", "X-Envelope-To: help@example.org", to="list@x.example"),
    )
    assert (place(tagged).queue, place(tagged, plus_addressing=True).queue) == ("Raw", "Support")
    assert (place(behind).queue, place(behind, use_x_envelope_to=True).queue) == ("Raw", "Support")


def test_a_filter_beats_what_a_trusted_message_says() -> None:
    filters = (rule("1", "Subject", "hello", Queue="Strict"),)
    assert place(mail("hello", "X-OTOBO-Queue: Fresh"), trusted=True, filters=filters).queue == "Strict"


def test_ignored_mail_stops_there() -> None:
    known = Known([KnownRecord(N1, "Support", "open")])
    placed = place(mail(f"Ticket#{N1}"), known, filters=(rule("1", "Subject", "ticket", Ignore="yes"),))
    assert placed.ending is Ending.IGNORED
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

    assert place(mail(body=body)).ending is Ending.RECORDED


BOUNCED = Bounce("<out@host>", ("gone@y.example",))


def test_a_bounce_of_our_mail_goes_to_its_record() -> None:
    known = Known([KnownRecord(N1, "Support", "open")], outgoing=[Sent((7,), "<out@host>", N1)])
    placed = place(mail(bounce=BOUNCED), known)
    assert (placed.ending, placed.record and placed.record.number) == (Ending.BOUNCE, N1)
    assert stages(placed) == [Stage.TRUST, Stage.BOUNCE, Stage.BOUNCE]
    assert placed.trail[-1].why == f"we sent <out@host>, for record {N1}"


@pytest.mark.parametrize(
    ("bounce", "outgoing", "why"),
    [
        (BOUNCED, (), "we did not send <out@host>"),
        (Bounce("", ("gone@y.example",)), (), "we did not send what it reports"),
        (BOUNCED, (Sent((7,), "<out@host>"),), "we sent <out@host>"),
        (BOUNCED, (Sent((7,), "<out@host>", N2),), "we sent <out@host>"),
    ],
)
def test_a_bounce_without_a_record_makes_none(bounce: Bounce, outgoing: tuple[Sent, ...], why: str) -> None:
    placed = place(mail(bounce=bounce), Known([KnownRecord(N1, "Support", "open")], outgoing=outgoing))
    assert (placed.ending, placed.record, placed.draft) == (Ending.BOUNCE, None, None)
    assert placed.trail[-1].why == why


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


@pytest.mark.parametrize(("record", "is_copy"), [(KnownRecord(N1, "Support", "open"), True), (None, False)])
def test_a_copy_of_what_an_earlier_run_stored_goes_to_its_record(record: KnownRecord | None, is_copy: bool) -> None:
    known = Known([record] if record else [], copies={Same("aa", "<1@x>"): Copy("INBOX", N1)})
    assert place(mail(folder="Archive", sha256="aa"), known).is_copy is is_copy


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
    assert placed.ending in set(Ending)
    assert (placed.draft is None) == (placed.ending is not Ending.RECORDED)
    assert all(str(part).isprintable() for step in placed.trail for part in step)
