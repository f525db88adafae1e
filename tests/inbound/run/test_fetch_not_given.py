"""What a server lists and does not give: asked for three times, never stored empty, and nothing else waits for it."""

from datetime import timedelta
from typing import Any

import pytest

from core import clock
from core.handles import Handles
from core.inbound.marks import LOOKED_THROUGH_FOR, not_given
from core.models import Leftover
from core.protocols.source import Fetched, Key, Missing
from tests.accounts import ON_SQLITE, add_account, fetched_well, lines, message, raws, rows_of, stored
from tests.fakes.holding import holding
from tests.fakes.imap import ScriptedImap, fetched
from tests.fakes.pop3 import ScriptedPop3, retrieved
from tests.fakes.steps import Command, Step
from tests.mail.test_withheld import NOTE


@ON_SQLITE
def test_a_body_that_is_nil_is_no_message_and_is_tried_three_times(handles: Handles) -> None:
    mails: dict[int, bytes | None] = {1: message(1), 2: None, 3: message(3)}
    with ScriptedImap(holding(mails)) as server:
        account = add_account(handles, port=server.port, after_fetch="delete")
        for _ in range(5):
            fetched_well(handles)
        asked = [command.text for command in server.commands if "BODY.PEEK" in command.text]
        assert raws(handles, account) == [message(1), message(3)]
        assert len(asked) == 3
        assert set(mails) == {2}
        assert rows_of(handles, Leftover, "uid")[0].tries == 3
        assert any("did not come: nil" in line for line in lines(handles, 1))


def test_a_body_that_comes_at_a_later_try_is_taken_in_and_not_asked_for_again(handles: Handles) -> None:
    mails: dict[int, bytes | None] = {1: message(1), 2: None, 3: message(3)}
    with ScriptedImap(holding(mails)) as server:
        add_account(handles, port=server.port)
        fetched_well(handles)
        mails[2] = message(2)
        assert fetched_well(handles).counts.fetched == 1
        asked = len(server.commands)
        assert fetched_well(handles).counts.fetched == 0
        assert not any("UID FETCH" in command.key for command in server.commands[asked:])
    assert raws(handles) == [message(1), message(3), message(2)]


@ON_SQLITE
def test_what_was_not_given_and_is_gone_later_is_not_asked_for_for_ever(handles: Handles) -> None:
    mails: dict[int, bytes | None] = {1: None, 2: message(2)}
    with ScriptedImap(holding(mails)) as server:
        add_account(handles, port=server.port)
        fetched_well(handles)
        del mails[1]
        for _ in range(3):
            fetched_well(handles)
        asked = len(server.commands)
        fetched_well(handles)
        assert not any("UID FETCH" in command.key for command in server.commands[asked:])


@ON_SQLITE
@pytest.mark.parametrize(
    "answer",
    [[], [b"* 1 FETCH (UID 1 RFC822.SIZE 60)\r\n"], [fetched(1, b"", size=60)], [b"* 1 FETCH (FLAGS (\\Seen))\r\n"]],
    ids=["nothing", "no body", "empty though it has a size", "other news"],
)
def test_a_message_that_does_not_come_is_never_stored_empty(handles: Handles, answer: list[Step]) -> None:
    def bodies(command: Command) -> list[Step]:
        if "BODY.PEEK" in command.text:
            return [*answer, "$tag OK done"]
        return ["* 1 FETCH (UID 1 RFC822.SIZE 60)", "$tag OK done"]

    with ScriptedImap(holding({1: message(1)}, {"UID FETCH": bodies})) as server:
        add_account(handles, port=server.port, after_fetch="delete")
        for _ in range(4):
            fetched_well(handles)
    assert stored(handles) == []
    assert "UID STORE" not in server.keys


@ON_SQLITE
def test_a_size_that_is_a_lie_is_noted_and_does_not_matter(handles: Handles) -> None:
    def bodies(command: Command) -> list[Step]:
        return [fetched(1, message(1), size=3), "$tag OK done"]

    with ScriptedImap(holding({1: message(1)}, {"UID FETCH": bodies})) as server:
        add_account(handles, port=server.port)
        outcome = fetched_well(handles).outcomes[0]
    assert raws(handles) == [message(1)]
    noted = "info note 1 message came in another size than the server announced; stored as it came"
    assert lines(handles, outcome.run_id).count(noted) == 1


@ON_SQLITE
def test_a_message_that_pop3_refuses_stops_nothing_and_is_tried_three_times(handles: Handles) -> None:
    def retrieve(command: Command) -> list[Step]:
        return ["-ERR cannot read it"] if command.text == "RETR 1" else [retrieved(message(2))]

    script: dict[str, Any] = {
        "STAT": ["+OK 2 200"],
        "LIST": ["+OK", "1 100", "2 100", "."],
        "UIDL": ["+OK", "1 one", "2 two", "."],
        "RETR": retrieve,
    }
    with ScriptedPop3(script) as server:
        add_account(handles, type="POP3", port=server.port)
        for _ in range(5):
            fetched_well(handles)
        assert [command.text for command in server.commands if command.key == "RETR"].count("RETR 1") == 3
    assert raws(handles) == [message(2)]


@ON_SQLITE
def test_what_exchange_serves_in_place_of_a_message_is_not_taken_for_it(handles: Handles) -> None:
    mails: dict[int, bytes | None] = {1: message(1), 2: NOTE}
    with ScriptedImap(holding(mails)) as server:
        account = add_account(handles, port=server.port, after_fetch="delete")
        fetched_well(handles)
        assert (raws(handles, account), set(mails)) == ([message(1)], {2})
        said = "Retrieval using the IMAP4 protocol failed for the following message: 20004"
        assert any(f"did not come: withheld ({said})" in line for line in lines(handles, 1))
        mails[2] = message(2)
        fetched_well(handles)
    assert (raws(handles, account), mails) == ([message(1), message(2)], {})


@pytest.mark.parametrize(("missing", "tries"), [(Missing.WITHHELD, (0, 1)), (Missing.REFUSED, (1, 1))])
def test_what_may_still_be_looked_through_is_not_given_up(missing: Missing, tries: tuple[int, int]) -> None:
    now = clock.utcnow()
    ages = (timedelta(minutes=5), LOOKED_THROUGH_FOR)
    one = [Fetched(Key("INBOX", 1, 2, ""), None, 9, now - age, missing) for age in ages]
    assert tuple(not_given(each, now).tries for each in one) == tries


@ON_SQLITE
@pytest.mark.parametrize("is_silent_of_sizes", [False, True])
def test_a_message_that_is_listed_and_of_which_nothing_is_said_is_not_gone(
    handles: Handles, is_silent_of_sizes: bool
) -> None:
    mails: dict[int, bytes | None] = {1: message(1), 2: message(2)}
    usual = holding(mails)
    silent = [2]

    def bodies(command: Command) -> list[Step]:
        if "BODY.PEEK" not in command.text and not is_silent_of_sizes:
            return list(usual["UID FETCH"](command))  # type: ignore[operator]
        answered = {uid: raw for uid, raw in mails.items() if uid not in silent}
        return list(holding(answered)["UID FETCH"](command))  # type: ignore[operator]

    with ScriptedImap({**usual, "UID FETCH": bodies}) as server:
        account = add_account(handles, port=server.port)
        for _ in range(2):
            fetched_well(handles)
        assert [row.why for row in rows_of(handles, Leftover, "uid")] == ["nil"]
        silent.clear()
        fetched_well(handles)
    assert raws(handles, account) == [message(1), message(2)]
