"""One thing, whole: what hangs on it, its bytes, and what is said where there is none."""

import pytest

from core.errors import Misuse, NotFound, NotPermitted
from core.handles import Handles
from core.models import Attempt, OutgoingRaw, RawMessage, Recipient, Run
from core.resources.catalogue import kind_named
from core.services import messages
from core.services.actor import Actor
from core.services.looking.details import show
from tests.services.traffic import VIEWER, add_lines, message_row, outgoing_row, record_row, worker_row
from tests.services.worlds import NOW, add, put


def test_a_record_shows_its_messages_and_why_it_is_here(handles: Handles, admin: Actor) -> None:
    put(handles, record_row(fields={"a": 1}))
    put(handles, message_row(1, record_id=7, trail=[["dispatch", "default queue", "no address matched"]]))
    put(handles, message_row(2, record_id=7, trail=[["follow-up", "number in subject", "2026112010000042"]]))

    row = show(handles, admin, kind_named("record"), "2026112010000042")

    assert [message["id"] for message in row["messages"]] == [1, 2]
    assert row["trail"] == [{"stage": "dispatch", "rule": "default queue", "why": "no address matched"}]
    assert row["fields"] == {"a": 1}
    assert show(handles, admin, kind_named("record"), 7) == row


def test_an_outgoing_message_shows_its_history(handles: Handles, admin: Actor) -> None:
    put(handles, outgoing_row("deferred"))
    put(handles, Recipient(outgoing_id=1, address="a@example.org"))
    put(handles, Recipient(outgoing_id=1, address="copy@example.org", is_bcc=True))
    put(handles, *(
        Attempt(outgoing_id=1, number=n, mailbox="m", outcome="deferred", started_at=NOW, reply_code=450) for n in (1, 2)
    ))  # fmt: skip

    row = show(handles, admin, kind_named("outbox"), 1)

    assert [(one["address"], one.get("bcc")) for one in row["recipients"]] == [
        ("a@example.org", None), ("copy@example.org", True),
    ]  # fmt: skip
    assert [(one["number"], one["outcome"], one["reply_code"]) for one in row["history"]] == [
        (1, "deferred", 450), (2, "deferred", 450),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "name", "error"),
    [
        ("record", "1", NotFound),
        ("run", "x", NotFound),
        ("message", "99999999999999999999", NotFound),
        ("event", "5", Misuse),
        ("event", "1:1", NotFound),
        ("worker", "w", NotFound),
        ("setting", "nothing", NotFound),
        ("account", "nobody", NotFound),
    ],
)
def test_what_is_not_there_is_not_shown(
    handles: Handles, admin: Actor, kind: str, name: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        show(handles, admin, kind_named(kind), name)


def test_other_kinds_are_shown_by_name_id_or_place(handles: Handles, admin: Actor) -> None:
    add(handles, admin, "account", "a", password="x")
    put(handles, Run(account_id=1, account="a", started_at=NOW), worker_row("abcdef", 1))
    add_lines(handles, 1, 1, 2)

    account = show(handles, admin, kind_named("account"), "a")
    assert (account["password"], account["status"], account["validity"]) == ("set", "ok", "valid")
    assert [line["text"] for line in show(handles, admin, kind_named("run"), 1)["events"]] == ["1.1", "1.2"]
    assert show(handles, admin, kind_named("event"), "1:2")["text"] == "1.2"
    assert show(handles, admin, kind_named("worker"), "abc")["id"] == "abcdef"
    shown = show(handles, admin, kind_named("setting"), "system_id")
    assert (shown["name"], shown["value"], shown["default"]) == ("system_id", 10, 10)
    assert "tells systems apart" in shown["help"]
    with pytest.raises(NotPermitted):
        show(handles, VIEWER, kind_named("template"), "Gmail SMTP Relay")


def test_raw_bytes_come_back_exactly(handles: Handles, admin: Actor) -> None:
    raw = bytes(range(256)) * 10
    put(handles, message_row(1), message_row(2), message_row(3, state="too_large"), outgoing_row())
    put(handles, RawMessage(message_id=1, data=raw), OutgoingRaw(outgoing_id=1, data=raw))

    assert messages.raw(handles, VIEWER, 1) == raw
    assert messages.outgoing_raw(handles, admin, 1) == raw
    for number, words in ((2, "retention"), (3, "too large"), (4, "no message 4")):
        with pytest.raises(NotFound, match=words):
            messages.raw(handles, admin, number)
    with pytest.raises(NotFound):
        messages.outgoing_raw(handles, admin, 9)
