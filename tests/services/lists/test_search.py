"""Lists: filters, pages by key, counts that stop, rows as JSON."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.errors import Misuse, NotPermitted
from core.handles import Handles
from core.models import Message, OutgoingMessage, Recipient, Record, Run, RunEvent
from core.resources.catalogue import KINDS, kind_named
from core.resources.json_rows import as_json, moment_in, rfc3339
from core.services.actor import Actor, Role
from core.services.configuration.accounts import accounts
from core.services.configuration.queues import queues
from core.services.lists.paging import cursor_of
from core.services.lists.search import Page, count, cursor_named, matching
from tests.services.worlds import NOW, add, put


def _page(handles: Handles, actor: Actor, kind: str, text: str = "", **how: Any) -> Page:
    return matching(handles, actor, kind_named(kind), text, **how)


def _names(page: Page, column: str = "name") -> list[Any]:
    return [row[column] for row in page.rows]


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_every_kind_is_listed_and_every_column_filtered(handles: Handles, admin: Actor, kind: str) -> None:
    described = kind_named(kind)

    page = matching(handles, admin, described)
    assert count(handles, admin, described) == len(page.rows)
    for column in described.columns:
        assert matching(handles, admin, described, f"{column.name}:no-such-word -x").rows == []
    for row in page.rows:
        assert set(as_json(described, row)) >= {column.name for column in described.columns}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ["alpha", "beta", "gamma"]),
        ("BETA", ["beta"]),
        ("imaps", ["alpha", "gamma"]),
        ("type:pop3", ["beta"]),
        ("-type:pop3", ["alpha", "gamma"]),
        ("queue:junk", ["gamma"]),
        ("imap beta", []),
        ('comment:"on fire"', ["alpha"]),
        ("%", []),
        ("_", []),
        ("' OR 1=1 --", []),
        ("host:", ["alpha", "beta", "gamma"]),
        ("nonsense:alpha", []),
    ],
)
def test_a_filter_narrows_over_every_column(handles: Handles, admin: Actor, text: str, names: list[str]) -> None:
    add(handles, admin, "account", "alpha", comment="printer on fire")
    add(handles, admin, "account", "beta", type="POP3S", host="pop.example.org")
    add(handles, admin, "account", "gamma", dispatching="queue", queue="Junk")

    assert _names(_page(handles, admin, "account", text)) == names
    assert count(handles, admin, kind_named("account"), text) == len(names)


def test_pages_by_name_go_forth_and_back(handles: Handles, admin: Actor) -> None:
    for name in ("b", "a", "c", "B", "A"):
        add(handles, admin, "queue", name)
    everything = sorted(["b", "a", "c", "B", "A", "Raw", "Postmaster", "Junk"])

    first = _page(handles, admin, "queue", limit=3)
    second = _page(handles, admin, "queue", limit=3, after=first.rows[-1]["id"])
    third = _page(handles, admin, "queue", limit=3, after=second.rows[-1]["id"])
    assert [_names(page) for page in (first, second, third)] == [everything[:3], everything[3:6], everything[6:]]
    assert [page.has_more for page in (first, second, third)] == [True, True, False]

    back = _page(handles, admin, "queue", limit=3, before=third.rows[0]["id"])
    assert _names(back) == everything[3:6]
    assert back.has_more
    assert not _page(handles, admin, "queue", limit=3, before=second.rows[0]["id"]).has_more

    last = _page(handles, admin, "queue", limit=3, at_end=True)
    assert (_names(last), last.has_more) == (everything[-3:], True)
    assert not _page(handles, admin, "queue", limit=8, at_end=True).has_more


def test_a_row_is_found_in_its_list_by_its_name(handles: Handles, admin: Actor) -> None:
    add(handles, admin, "queue", "b")
    queue = kind_named("queue")
    assert cursor_named(handles, admin, queue, "b") == _page(handles, admin, "queue", "name:b").rows[0]["id"]
    queues.delete(handles, admin, "b")
    assert cursor_named(handles, admin, queue, "b") is None


def test_a_page_goes_on_after_a_row_that_was_deleted_meanwhile(handles: Handles, admin: Actor) -> None:
    first = _page(handles, admin, "queue", limit=1)
    add(handles, admin, "queue", "K")
    queues.delete(handles, admin, "Junk")

    assert _names(_page(handles, admin, "queue", after=first.rows[0]["id"])) == ["K", "Postmaster", "Raw"]


def _runs(handles: Handles, number: int) -> None:
    put(handles, *(Run(account_id=1, account=f"a{n}", started_at=NOW + timedelta(minutes=n)) for n in range(number)))


def test_runs_come_newest_first_and_page_by_id(handles: Handles, admin: Actor) -> None:
    _runs(handles, 5)

    first = _page(handles, admin, "run", limit=2)
    second = _page(handles, admin, "run", limit=2, after=first.rows[-1]["id"])

    assert _names(first, "account") + _names(second, "account") == ["a4", "a3", "a2", "a1"]
    assert _names(_page(handles, admin, "run", limit=2, before=second.rows[0]["id"]), "account") == ["a4", "a3"]
    assert _names(_page(handles, admin, "run", newest_first=False, limit=2), "account") == ["a0", "a1"]


def test_events_page_by_run_and_number(handles: Handles, admin: Actor) -> None:
    _runs(handles, 2)
    put(handles, *(RunEvent(run_id=run, seq=seq, at=NOW, text=f"{run}.{seq}") for run in (1, 2) for seq in (1, 2, 3)))
    kind = kind_named("event")

    first = _page(handles, admin, "event", limit=4)
    assert _names(first, "text") == ["2.3", "2.2", "2.1", "1.3"]
    assert cursor_of(kind, first.rows[-1]) == "1:3"
    assert _names(_page(handles, admin, "event", after="1:3"), "text") == ["1.2", "1.1"]
    assert _names(_page(handles, admin, "event", "a1"), "text") == ["2.3", "2.2", "2.1"]


def test_no_limit_is_everything(handles: Handles, admin: Actor) -> None:
    _runs(handles, 1100)

    assert len(_page(handles, admin, "run").rows) == 1000
    assert _page(handles, admin, "run").has_more
    assert len(_page(handles, admin, "run", limit=0).rows) == 1100
    assert count(handles, admin, kind_named("run"), at_most=50) == 50


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_every_column_of_times_is_filtered_by_day_and_what_has_no_time_is_kept_by_an_exclusion(
    handles: Handles, admin: Actor, kind: str
) -> None:
    for name in kind_named(kind).time_columns:
        assert matching(handles, admin, kind_named(kind), f"{name}:2001-02-03").rows == []
        assert count(handles, admin, kind_named(kind), f"-{name}:2001-02-03") == count(handles, admin, kind_named(kind))


@pytest.mark.parametrize("cursor", ["x", "-1", "9" * 30, "'"])
def test_what_is_no_cursor_is_said_to_be_none(handles: Handles, admin: Actor, cursor: str) -> None:
    with pytest.raises(Misuse):
        _page(handles, admin, "run", after=cursor)
    with pytest.raises(Misuse):
        _page(handles, admin, "event", after=f"{cursor}:1")
    with pytest.raises(Misuse):
        _page(handles, admin, "queue", after=cursor)


def test_a_page_lies_on_one_side(handles: Handles, admin: Actor) -> None:
    with pytest.raises(Misuse):
        _page(handles, admin, "run", after=1, before=2)
    with pytest.raises(Misuse):
        _page(handles, admin, "run", after=1, at_end=True)


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
def test_templates_are_seen_by_super_security_admins_alone(handles: Handles, role: Role) -> None:
    with pytest.raises(NotPermitted):
        _page(handles, Actor("otto", "h", role), "template")
    with pytest.raises(NotPermitted):
        count(handles, Actor("otto", "h", role), kind_named("template"))
    assert _page(handles, Actor("otto", "h", role), "queue").rows


def test_the_outbox_lists_its_recipients(handles: Handles, admin: Actor) -> None:
    outgoing = OutgoingMessage(
        message_id="<1@h>", sender="s@example.org", subject="Hi", created_at=NOW, next_attempt_at=NOW, state="deferred"
    )
    put(handles, outgoing)
    put(handles, *(
        Recipient(outgoing_id=1, address=address, state=state, reply_code=code, enhanced_code="4.2.1", text="later")
        for address, state, code in (("a@example.org", "deferred", 450), ("b@example.org", "sent", None))
    ))  # fmt: skip

    row = as_json(kind_named("outbox"), _page(handles, admin, "outbox", "a@example.org").rows[0])
    # Whoever it is for finds it, not the first alone.
    for sought in ("b@example.org", "to:b@example", "to:A@EXAMPLE"):
        assert len(_page(handles, admin, "outbox", sought).rows) == 1, sought
    assert _page(handles, admin, "outbox", "-to:b@example.org").rows == []

    assert row["recipients"] == [
        {"address": "a@example.org", "state": "deferred", "reply_code": 450, "enhanced_code": "4.2.1", "text": "later"},
        {"address": "b@example.org", "state": "sent", "reply_code": None, "enhanced_code": "4.2.1", "text": "later"},
    ]
    assert row["next_attempt_at"] == "2026-11-20T21:04:10Z"
    contract = "id message_id state lane sender subject mailbox attempts next_attempt_at expires_at recipients"
    assert set(row) >= set(contract.split())


def test_a_message_names_its_record_or_none(handles: Handles, admin: Actor) -> None:
    account = add(handles, admin, "account", "a")
    put(
        handles, Record(id=1, number="2026112010000042", queue_id=1, account_id=account, created_at=NOW, updated_at=NOW)
    )
    for number, record in ((1, 1), (2, None)):
        put(handles, Message(
            id=number, account_id=account, uid=number, state="recorded", record_id=record, received_at=NOW, size=7,
            subject="esc \x1b[2J", folder="INBOX",
        ))  # fmt: skip
    accounts.delete(handles, admin, "a")

    kind = kind_named("message")
    rows = [as_json(kind, row) for row in _page(handles, admin, "message").rows]

    assert [row["record"] for row in rows] == [None, "2026112010000042"]
    assert rows[0]["account"] == "deleted account"
    assert rows[0]["size"] == 7
    assert "\x1b" not in rows[0]["subject"]
    contract = (
        "id account folder uidvalidity uid uidl sha256 size message_id subject header_from header_to date received_at "
        "state record acknowledged_at"
    )
    assert list(rows[0]) == contract.split()
    record = as_json(kind_named("record"), _page(handles, admin, "record").rows[0])
    assert (record["number"], record["queue"], record["account"]) == ("2026112010000042", "Raw", "deleted account")


def test_durations_and_sizes_are_numbers_in_json(handles: Handles, admin: Actor) -> None:
    add(handles, admin, "account", "a", interval="90s", max_size="1MiB")

    row = as_json(kind_named("account"), _page(handles, admin, "account").rows[0])

    assert (row["interval"], row["max_size"], row["queue"]) == (90_000, 1 << 20, "")


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 11, 20, 21, 4, 10, tzinfo=UTC), "2026-11-20T21:04:10Z"),
        (datetime(2026, 11, 20, 21, 4, 10, 114_999, tzinfo=UTC), "2026-11-20T21:04:10.114Z"),
    ],
)
def test_times_are_rfc_3339(moment: datetime, text: str) -> None:
    assert rfc3339(moment) == text


@pytest.mark.parametrize(
    "text", ["2026-11-20", "2026-13-45T99:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", 20261120]
)
def test_what_only_looks_like_a_time_is_none(text: object) -> None:
    assert moment_in(text) is None


def test_the_default_of_a_queue_counts_its_records(handles: Handles, admin: Actor) -> None:
    put(handles, Record(id=1, number="1", queue_id=1, created_at=NOW, updated_at=NOW))

    assert [row["records"] for row in _page(handles, admin, "queue", "name:Raw").rows] == [1]


@pytest.mark.parametrize("text", ["printer", "PRINTER", "ÄRGER", "ärger", "/er"])
def test_case_counts_for_nothing_beside_letters_beyond_ascii_either(handles: Handles, admin: Actor, text: str) -> None:
    add(handles, admin, "queue", "alpha", comment="Ärger/Er über den Printer")
    assert _names(_page(handles, admin, "queue", f"comment:{text}")) == ["alpha"]
