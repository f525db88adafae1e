"""A mail server that was restored from a backup gives numbers again: nothing is missed, doubled or deleted unread."""

from datetime import UTC, datetime

import pytest

from core.handles import Handles
from core.inbound.run.given_again import may_be_before_start
from core.models import Account
from tests.accounts import ON_SQLITE, add_account, fetched_well, lines, message, raws, stored
from tests.fakes.holding import holding
from tests.fakes.imap import ScriptedImap


def restored(mails: dict[int, bytes | None], upto: int, *new: str) -> None:
    """As it was when it held so many messages; what came since has their numbers."""
    for uid in [uid for uid in mails if uid > upto]:
        del mails[uid]
    mails.update({upto + number: message(name) for number, name in enumerate(new, 1)})


@pytest.mark.parametrize("after_fetch", ["keep", "delete"])
def test_what_came_after_a_restore_is_taken_in_and_nothing_twice(handles: Handles, after_fetch: str) -> None:
    mails: dict[int, bytes | None] = {uid: message(uid) for uid in range(1, 6)}
    with ScriptedImap(holding(mails, {"UID STORE": ["$tag NO [CANNOT] not now"]})) as server:
        account = add_account(handles, port=server.port, after_fetch=after_fetch)
        fetched_well(handles)
        restored(mails, 2, "new")
        server.script["UID STORE"] = ["$tag OK done"]
        noticed, after = fetched_well(handles), fetched_well(handles)
    assert (noticed.counts.fetched, after.counts.fetched) == (1, 0)
    assert any("gives numbers again" in line for line in lines(handles, 2))
    assert sorted(raws(handles, account)) == sorted([*(message(uid) for uid in range(1, 6)), message("new")])
    assert sorted(mails) == ([1, 2, 3] if after_fetch == "keep" else [])


@ON_SQLITE
def test_a_server_whose_next_number_follows_its_last_message_is_read_as_before(handles: Handles) -> None:
    mails: dict[int, bytes | None] = {uid: message(uid) for uid in range(1, 6)}
    with ScriptedImap(holding(mails)) as server:
        add_account(handles, port=server.port)
        fetched_well(handles)
        restored(mails, 3)
        fetched_well(handles)
        assert not any("gives numbers again" in line for line in lines(handles, 2))
        mails[6] = message(6)
        assert fetched_well(handles).counts.fetched == 1
    assert len(stored(handles)) == 6


@ON_SQLITE
def test_what_came_before_the_start_is_not_taken_for_a_message_with_another_ones_number(handles: Handles) -> None:
    mails: dict[int, bytes | None] = {uid: message(uid) for uid in range(1, 6)}
    with ScriptedImap(holding(mails)) as server:
        add_account(handles, port=server.port, start_from="now")
        fetched_well(handles)
        mails[6] = message(6)
        assert fetched_well(handles).counts.fetched == 1
        restored(mails, 5)
        assert fetched_well(handles).counts.fetched == 0
    assert not any("gives numbers again" in line for line in lines(handles, 3))


@pytest.mark.parametrize(
    ("start_from", "came", "may_be"),
    [
        ("all", "2026-05-01", False),
        ("now", "2026-05-01", True),
        ("now", "2026-05-12", False),
        ("2026-04-01", "2026-03-31", True),
        ("2026-04-01", "2026-05-01", False),
        ("2026-04-01", "", True),
    ],
)
def test_when_a_message_came_tells_whether_it_may_be_from_before_the_start(
    start_from: str, came: str, may_be: bool
) -> None:
    account = Account(name="a", start_from=start_from, created_at=datetime(2026, 5, 10, tzinfo=UTC))
    date = datetime.fromisoformat(came).replace(tzinfo=UTC) if came else None
    assert may_be_before_start(account, date) is may_be
