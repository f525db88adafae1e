"""A quarantined message that a person has mended: taken in as edited, what came is kept beside it."""

from typing import Any

import pytest

import core.inbound.quarantine
from core.errors import BadInput, NotFound
from core.handles import Handles
from core.models import Message, OriginalMessage
from core.services import messages, quarantine
from core.services.actor import Actor
from tests.accounts import ON_SQLITE, add_account, at, fetched_well, message, records, rows_of, stored
from tests.outbound.world import set_setting
from tests.servers.dovecot import DovecotServer

MENDED = message("mended", "Subject: Printer on fire")


def quarantined(handles: Handles, server: DovecotServer) -> int:
    """A message that the loop guard has sent to quarantine: one too many of its sender's."""
    set_setting(handles, "loop.records", 1)
    user = server.fresh_user()
    server.deliver(user, [message(number, sender="ann@example.org") for number in (1, 2)])
    add_account(handles, name="support", **at(server, user))
    fetched_well(handles, "support")
    _, row = stored(handles)
    assert row.state == "quarantined"
    return row.id


def test_an_edited_message_is_taken_in_as_edited_and_the_original_is_kept(
    handles: Handles, dovecot: DovecotServer, admin: Actor
) -> None:
    number = quarantined(handles, dovecot)
    came = messages.raw(handles, admin, number)
    quarantine.edit(handles, admin, number, message("first try"))
    quarantine.edit(handles, admin, number, MENDED)
    assert rows_of(handles, Message, "id")[-1].subject == "Printer on fire"
    assert quarantine.retry(handles, admin, number) == "recorded"
    assert records(handles)[1].title == "Printer on fire"
    assert messages.raw(handles, admin, number) == MENDED
    assert messages.raw(handles, admin, number, is_original=True) == came
    (original,) = rows_of(handles, OriginalMessage, "message_id")
    assert original.edited_by == str(admin)
    # Known by what came: the next run takes nothing in.
    assert fetched_well(handles, "support").counts.fetched == 0


@ON_SQLITE
def test_only_what_waits_in_quarantine_is_edited(handles: Handles, dovecot: DovecotServer, admin: Actor) -> None:
    number = quarantined(handles, dovecot)
    with pytest.raises(BadInput, match="empty"):
        quarantine.edit(handles, admin, number, b" \r\n")
    quarantine.release(handles, admin, number, "Raw")
    with pytest.raises(NotFound):
        quarantine.edit(handles, admin, number, MENDED)
    assert rows_of(handles, OriginalMessage, "message_id") == []


@ON_SQLITE
def test_a_deleted_message_leaves_no_original(handles: Handles, dovecot: DovecotServer, admin: Actor) -> None:
    number = quarantined(handles, dovecot)
    quarantine.edit(handles, admin, number, MENDED)
    quarantine.delete(handles, admin, number)
    assert rows_of(handles, OriginalMessage, "message_id") == []


def test_of_two_who_retry_at_once_one_makes_the_record(
    handles: Handles, dovecot: DovecotServer, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = quarantined(handles, dovecot)
    judge = core.inbound.quarantine.judge_message

    def judged_after_the_other(*given: Any) -> Any:
        monkeypatch.undo()
        assert quarantine.retry(handles, admin, number) == "recorded"
        return judge(*given)

    monkeypatch.setattr(core.inbound.quarantine, "judge_message", judged_after_the_other)
    set_setting(handles, "loop.records", 0)

    with pytest.raises(NotFound):
        quarantine.retry(handles, admin, number)

    assert len(records(handles)) == 2
    assert [row.state for row in stored(handles)] == ["recorded"] * 2
