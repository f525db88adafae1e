"""Servers that ask for peace in the middle of a fetch, and those that cannot give one message of many."""

from typing import Any

import pytest

from core.handles import Handles
from core.inbound.server.reading import BATCH_MESSAGES
from core.models import Leftover
from tests.accounts import (
    ON_SQLITE,
    add_account,
    change_account,
    fetch,
    fetched_well,
    message,
    minutes_from_now,
    raws,
    rows_of,
    status_of,
)
from tests.fakes.holding import holding, is_named
from tests.fakes.imap import ScriptedImap, fetched
from tests.fakes.pop3 import ScriptedPop3, retrieved
from tests.fakes.steps import Command, Cut, Step

MANY = BATCH_MESSAGES + 10
"""More than one batch."""

WORDS = [
    ("NO [LIMIT] too many commands", None),
    ("NO [INUSE] mailbox in use", None),
    ("NO [UNAVAILABLE] try later", None),
    ("NO [OVERQUOTA] bandwidth used up", None),
    ("NO Server Unavailable. 15", None),
    ("BAD Request is throttled. Suggested Backoff Time: 7200000 milliseconds", 120),
]
BYE = "* BYE Session invalidated. Suggested Backoff Time: 299910 milliseconds"


def mails() -> dict[int, bytes | None]:
    return {uid: message(uid) for uid in range(1, MANY + 1)}


def refusing(last: int, steps: list[Step], held: dict[int, bytes | None]) -> Any:
    """Bodies up to this UID; whoever asks for one beyond it hears these words, behind those that came."""

    def bodies(command: Command) -> list[Step]:
        named = [uid for uid in held if is_named(uid, command.text.split()[2])]
        if "BODY.PEEK" not in command.text:
            return [
                *(f"* {uid} FETCH (UID {uid} RFC822.SIZE {len(held[uid] or b'')})" for uid in named),
                "$tag OK done",
            ]
        told: list[Step] = [fetched(uid, held[uid]) for uid in named if uid <= last]
        return [*told, *steps] if any(uid > last for uid in named) else [*told, "$tag OK done"]

    return bodies


@ON_SQLITE
@pytest.mark.parametrize(("words", "minutes"), [*((f"$tag {words}", wait) for words, wait in WORDS), (BYE, 10)])
def test_what_was_stored_before_an_imap_server_asked_for_peace_stays(
    handles: Handles, words: str, minutes: float | None
) -> None:
    held = mails()
    ends: list[Step] = [words, Cut()] if "BYE" in words else [words]
    with ScriptedImap(holding(held, {"UID FETCH": refusing(BATCH_MESSAGES + 5, ends, held)})) as server:
        account = add_account(handles, port=server.port, interval=600)
        outcome = fetch(handles).outcomes[0]
        asked = [command for command in server.commands if "BODY.PEEK" in command.text]
        assert len(asked) == 2
        assert asked[0].connection == asked[1].connection
    status = status_of(handles, account)
    came = BATCH_MESSAGES + (5 if "BYE" in words else 0)  # where the connection ends, what came whole is kept
    assert (outcome.fault, status.status, len(raws(handles))) == ("passing", "throttled", came)
    assert minutes_from_now(status.due_at) == pytest.approx(minutes or 10, abs=0.5)
    assert (status.retry_after is None) is ("Backoff" not in words)
    assert rows_of(handles, Leftover, "uid") == []
    with ScriptedImap(holding(held)) as server:
        change_account(handles, account, port=server.port)
        assert fetched_well(handles).counts.fetched == MANY - came
    assert raws(handles) == [message(uid) for uid in held]


@ON_SQLITE
@pytest.mark.parametrize("capabilities", [["PIPELINING"], []], ids=["sent ahead", "one by one"])
@pytest.mark.parametrize(
    ("words", "minutes"),
    [
        ("-ERR [SYS/TEMP] try later", None),
        ("-ERR Server Unavailable. 15", None),
        ("-ERR Request is throttled. Suggested Backoff Time: 7200000 milliseconds", 120),
    ],
)
def test_what_was_stored_before_a_pop3_server_asked_for_peace_stays(
    handles: Handles, words: str, minutes: float | None, capabilities: list[str]
) -> None:
    last = BATCH_MESSAGES + 5
    numbers = range(1, MANY + 1)

    def retrieve(command: Command) -> list[Step]:
        number = int(command.text.split()[1])
        return [retrieved(message(number))] if number <= last else [words]

    script: dict[str, Any] = {
        "CAPA": ["+OK", "USER", "UIDL", *capabilities, "."],
        "STAT": [f"+OK {MANY} 9999"],
        "LIST": ["+OK", *(f"{number} {len(message(number))}" for number in numbers), "."],
        "UIDL": ["+OK", *(f"{number} uidl{number}" for number in numbers), "."],
        "RETR": retrieve,
    }
    with ScriptedPop3(script) as server:
        account = add_account(handles, type="POP3", port=server.port, interval=600)
        outcome = fetch(handles).outcomes[0]
        status = status_of(handles, account)
        assert (outcome.fault, status.status, len(raws(handles))) == ("passing", "throttled", last)
        assert minutes_from_now(status.due_at) == pytest.approx(minutes or 10, abs=0.5)
        assert rows_of(handles, Leftover, "uidl") == []
        came, last = last, MANY
        assert fetched_well(handles).counts.fetched == MANY - came
    assert raws(handles) == [message(number) for number in numbers]


def refused(bad: int, held: dict[int, bytes | None]) -> dict[str, Any]:
    """Whoever asks for this message, or for several with it among them, is refused."""

    def bodies(command: Command) -> list[Step]:
        named = [uid for uid in held if is_named(uid, command.text.split()[2])]
        if "BODY.PEEK" not in command.text:
            return [
                *(f"* {uid} FETCH (UID {uid} RFC822.SIZE {len(held[uid] or b'')})" for uid in named),
                "$tag OK done",
            ]
        told: list[Step] = [fetched(uid, held[uid]) for uid in named if uid != bad]
        return [*told, "$tag NO [SERVERBUG] Internal error occurred" if bad in named else "$tag OK done"]

    def first_or_last(command: Command) -> list[Step]:
        uid = max(held) if "*" in command.text else min(held)
        if uid == bad:
            return ["$tag NO [SERVERBUG] Internal error occurred"]
        return [f"* 1 FETCH (UID {uid} BODY[HEADER.FIELDS (DATE)] NIL)", "$tag OK done"]

    return {"UID FETCH": bodies, "FETCH": first_or_last}


@ON_SQLITE
def test_a_message_that_imap_refuses_stops_nothing_and_is_tried_three_times(handles: Handles) -> None:
    held: dict[int, bytes | None] = {uid: message(uid) for uid in (1, 2, 3)}
    with ScriptedImap(holding(held, refused(2, held))) as server:
        add_account(handles, port=server.port)
        fetched_well(handles)
        assert raws(handles) == [message(1), message(3)]
        held[4] = message(4)
        for _ in range(4):
            fetched_well(handles)
    assert raws(handles) == [message(1), message(3), message(4)]
    (left,) = rows_of(handles, Leftover, "uid")
    assert (left.uid, left.why, left.tries) == (2, "refused", 3)


@ON_SQLITE
def test_the_only_message_of_a_folder_is_not_given_up_when_it_is_refused(handles: Handles) -> None:
    held: dict[int, bytes | None] = {1: message(1)}
    with ScriptedImap(holding(held, refused(1, held))) as server:
        add_account(handles, port=server.port)
        for _ in range(4):
            assert fetch(handles).outcomes[0].fault == "passing"
        assert rows_of(handles, Leftover, "uid") == []
        held[2] = message(2)
        fetched_well(handles)
    assert raws(handles) == [message(2)]


@ON_SQLITE
def test_a_server_that_refuses_every_message_gives_none_of_them_up(handles: Handles) -> None:
    held = mails()
    with ScriptedImap(holding(held, {"UID FETCH": refusing(0, ["$tag NO cannot read"], held)})) as server:
        account = add_account(handles, port=server.port)
        for _ in range(4):
            assert fetch(handles).outcomes[0].fault == "passing"
    assert rows_of(handles, Leftover, "uid") == []
    assert status_of(handles, account).status == "failing"
