"""Whatever comes in is judged, in time, and its bytes are kept; nothing stops the next."""

import hashlib
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core.handles import Handles
from core.inbound import record_types
from core.inbound.decisions.dispatch import DispatchMode
from core.inbound.decisions.facts import Rules
from core.inbound.decisions.filters import compile_filter
from core.inbound.decisions.judging import Judged, judge_message
from core.inbound.decisions.known import Known
from core.inbound.decisions.placement import Ending
from core.inbound.decisions.verdict import settle
from core.mail.canonical import canonical_crlf
from core.models import Quarantine
from core.protocols.source import Fetched, Key
from tests.accounts import ON_SQLITE, add_account, at, fetched_well, rows_of, stored
from tests.corpus.bounces import bounces, not_bounces
from tests.corpus.nasty import BUILT, small_messages
from tests.mail.test_nasty import deadline
from tests.servers.dovecot import DovecotServer

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SECONDS = 2.0

PLAIN = Rules(default_queue="Raw", queues={"Raw": "possible", "Junk": "possible"})

EVERYTHING = replace(
    PLAIN,
    trusted=True,
    mode=DispatchMode.TO,
    addresses={"support@example.com": "Junk"},
    plus_addressing=True,
    use_x_envelope_to=True,
    followup_in_body=True,
    followup_in_attachments=True,
    record_type=record_types.get("Grievance"),
    filters=(
        compile_filter(
            "all",
            stop=False,
            match=[
                {"header": "Body", "regex": "(?!x)x", "negate": True},
                {"header": "From", "regex": "EMAILADDRESS:nobody@nowhere", "negate": True},
                {"header": "X-OTOBO-AttachmentCount", "regex": "."},
            ],
            settings={"X-OTOBO-Title": "[***]"},
        ),
    ),
)
"""With all that makes the chain look at more than the header."""


def judged(raw: bytes, rules: Rules, uid: int = 1) -> Judged:
    return judge_message(Fetched(Key("INBOX", 1, uid, ""), raw, len(raw), NOW), rules, NOW)


def check(raw: bytes, rules: Rules) -> None:
    with deadline(20):
        started = time.process_time()
        found = judged(raw, rules)
        assert found.verdict is not None, found.detail
        assert settle(found.verdict, Known()).ending in set(Ending) - {Ending.QUARANTINED}
        # What the processor took: other work on the machine must not fail a test.
        assert time.process_time() - started < SECONDS
    assert found.raw == raw
    assert found.sha256 == hashlib.sha256(raw).hexdigest()


@pytest.mark.parametrize("rules", [PLAIN, EVERYTHING], ids=["plain", "everything"])
@pytest.mark.parametrize("defect", small_messages())
def test_every_small_message_is_judged_in_time(defect: str, rules: Rules) -> None:
    check(small_messages()[defect], rules)


@pytest.mark.parametrize("rules", [PLAIN, EVERYTHING], ids=["plain", "everything"])
@pytest.mark.parametrize("defect", BUILT)
def test_every_bomb_is_judged_in_time(defect: str, rules: Rules) -> None:
    check(BUILT[defect](), rules)


def test_bounces_end_as_bounces_and_nothing_else_does() -> None:
    """Reports are read as such here: a receipt of delivery is a report, and yet no bounce."""
    endings = Counter(
        (kind, settle(found.verdict, Known()).ending)
        for kind, messages in (("bounce", bounces()), ("none", not_bounces()))
        for found in (judged(raw, PLAIN) for raw in messages.values())
        if found.verdict is not None
    )
    assert endings == {
        ("bounce", Ending.BOUNCE): len(bounces()),
        ("none", Ending.RECORDED): len(not_bounces()),
    }


def test_one_batch_of_all_of_them_leaves_none_out() -> None:
    known = Known()
    for uid, raw in enumerate(small_messages().values(), start=1):
        found = judged(raw, replace(PLAIN, loop=replace(PLAIN.loop, records=0)), uid)
        assert found.verdict is not None
        placement = settle(found.verdict, known)
        known.note(placement, f"20260302100{uid:06}" if placement.draft is not None else None)
    assert len(known.records) > 150


@ON_SQLITE
def test_all_of_them_come_in_through_a_server_byte_for_byte(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    messages = [raw for raw in map(canonical_crlf, small_messages().values()) if raw.strip(b"\0\r\n")]
    dovecot.deliver(user, messages)
    account = add_account(handles, **at(dovecot, user))

    fetched_well(handles)

    served = dovecot.mails(user)
    kept = stored(handles, account)
    assert len(kept) == len(messages) > 150
    assert {one.uid: one.raw for one in kept} == {mail.uid: mail.raw for mail in served}
    assert Counter(one.state for one in kept).keys() <= {"recorded", "bounce", "quarantined"}
    reasons = {row.reason for row in rows_of(handles, Quarantine, "message_id")}
    # Many have the same sender: the loop guard is the one thing that may stop them.
    assert all(reason.startswith("loop guard") for reason in reasons)
