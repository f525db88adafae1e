"""The loop guard within the chain of decisions: who sends too often, and what answers itself."""

from datetime import timedelta

from core.inbound.decisions.known import Known
from core.inbound.decisions.loop_guard import LoopRule
from core.inbound.decisions.placement import Ending, KnownRecord
from core.inbound.decisions.verdict import judge
from core.inbound.trail import Stage
from tests.inbound.verdicts import N1, NOW, RULES, mail, place, stages


def test_the_twenty_first_record_of_a_sender_goes_to_quarantine() -> None:
    known = Known()
    endings = []
    for number in range(25):
        placed = place(
            mail(message_id=f"<{number}@x>", sender="Ann@X.example", at=NOW + timedelta(seconds=number)), known
        )
        known.note(placed, f"20260301100000{number:02}" if placed.draft else None)
        endings.append(placed.ending)
    assert endings == [Ending.RECORDED] * 20 + [Ending.QUARANTINED] * 5
    assert placed.reason.startswith("loop guard: ann@x.example has made 20 records")
    assert stages(placed)[-1] == Stage.LOOP_GUARD


def test_records_of_earlier_runs_count_in_whatever_order_they_are_known() -> None:
    recent = [NOW - timedelta(minutes=number) for number in range(20)]
    old = [NOW - timedelta(days=1)] * 20
    for times, ending in ((recent + old, Ending.QUARANTINED), (old + recent[:19], Ending.RECORDED)):
        known = Known(recorded_at={"ann@x.example": times})
        assert place(mail(sender="ann@x.example"), known).ending is ending


def test_a_copy_in_another_folder_counts_only_once_though_we_sent_it() -> None:
    known = Known()
    folders = ["INBOX", "Archive"] * 20
    for number, folder in enumerate(folders):
        facts = mail(
            message_id=f"<{number // 2}@x>", sha256=f"{number // 2}", folder=folder, sender="help@example.org",
        )  # fmt: skip
        placed = place(facts, known)
        assert placed.ending is Ending.RECORDED
        known.note(placed, f"20260301100000{number:02}" if placed.draft else None)


def test_years_of_old_mail_fetched_at_once_are_no_loop() -> None:
    known = Known()
    for number in range(60):
        placed = place(mail(message_id=f"<{number}@x>", at=NOW + timedelta(hours=number)), known)
        known.note(placed, f"20260301100000{number:02}")
        assert placed.ending is Ending.RECORDED


def test_answers_do_not_count_for_other_people() -> None:
    known = Known([KnownRecord(N1, "Support", "open")])
    for number in range(60):
        placed = place(mail(f"Ticket#{N1}", message_id=f"<{number}@x>"), known)
        known.note(placed)
        assert placed.is_follow_up


def test_our_own_automatic_mail_makes_nothing() -> None:
    facts = mail("out of office", "X-Postroom-Loop: host-1", "Auto-Submitted: auto-replied")
    assert place(facts).ending is Ending.QUARANTINED
    assert place(mail(sender="help@example.org", message_id="<2@x>")).ending is Ending.RECORDED


def test_a_customer_whom_a_list_shows_with_our_address_is_no_loop() -> None:
    """Google Groups puts itself in From where the writer's domain has a DMARC policy."""
    through = ("List-Post: <mailto:help@example.org>", "Precedence: list", "X-Original-From: Ann <ann@x.example>")
    placed = place(mail("broken", *through, sender="'Ann' via Help <help@example.org>"))
    assert placed.ending is Ending.RECORDED
    assert placed.draft is not None
    assert placed.draft.customer == "ann@x.example"


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
        endings.append(placed.ending)
    assert endings.count(Ending.RECORDED) == 20


def test_an_untrusted_mark_is_seen_though_control_headers_are_removed() -> None:
    verdict = judge(mail("x", "X-Postroom-Loop: host-1"), RULES)
    assert verdict.own == "it left through host-1"
