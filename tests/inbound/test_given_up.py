"""Messages that a server lists and will not give: told by an alert, tried again when a person asks, never forgotten."""

from typing import Any

import pytest

from core.handles import Handles
from core.inbound.given_up import told
from core.inbound.troubles import tell_troubles
from core.models import Alert, Leftover
from tests.accounts import ON_SQLITE, add_account, change_account, fetch_once, fetched_well, message, raws, rows_of
from tests.fakes.holding import holding, is_named
from tests.fakes.imap import ScriptedImap, fetched
from tests.fakes.pop3 import ScriptedPop3, retrieved
from tests.fakes.steps import Command, Step


class Grudging:
    """Two messages of which the server gives only the second, until it thinks better of it."""

    def __init__(self) -> None:
        self.held: dict[int, bytes | None] = {1: message(1), 2: message(2)}
        self.is_refusing = True

    def imap(self) -> ScriptedImap:
        usual = holding(self.held)

        def bodies(command: Command) -> list[Step]:
            named = [uid for uid in self.held if is_named(uid, command.text.split()[2])]
            if "BODY.PEEK" not in command.text or not self.is_refusing or 1 not in named:
                return list(usual["UID FETCH"](command))  # type: ignore[operator]
            return [*(fetched(uid, self.held[uid]) for uid in named if uid != 1), "$tag NO [SERVERBUG] Not this one"]

        def first_or_last(command: Command) -> list[Step]:
            uid = max(self.held) if "*" in command.text else min(self.held)
            if uid == 1 and self.is_refusing:
                return ["$tag NO [SERVERBUG] Not this one"]
            return [f"* 1 FETCH (UID {uid} BODY[HEADER.FIELDS (DATE)] NIL)", "$tag OK done"]

        return ScriptedImap({**usual, "UID FETCH": bodies, "FETCH": first_or_last})

    def pop3(self) -> ScriptedPop3:
        def retrieve(command: Command) -> list[Step]:
            uid = self._uid(command)
            return ["-ERR cannot read it"] if uid == 1 and self.is_refusing else [retrieved(self.held[uid] or b"")]

        script: dict[str, Any] = {
            "STAT": lambda _: [f"+OK {len(self.held)} 200"],
            "LIST": lambda _: ["+OK", *(f"{number} 100" for number in range(1, len(self.held) + 1)), "."],
            "UIDL": lambda _: ["+OK", *(f"{number} u{uid}" for number, uid in enumerate(self.held, 1)), "."],
            "RETR": retrieve,
        }
        return ScriptedPop3(script)

    def _uid(self, command: Command) -> int:
        return list(self.held)[int(command.text.split()[1]) - 1]

    def server(self, kind: str) -> ScriptedImap | ScriptedPop3:
        return self.imap() if kind == "IMAP" else self.pop3()


def alerts(handles: Handles) -> list[tuple[str, bool]]:
    tell_troubles(handles)
    return [(row.subject, row.closed_at is None) for row in rows_of(handles, Alert, "id")]


def tries(handles: Handles) -> list[int]:
    return [row.tries for row in rows_of(handles, Leftover, "uid") if row.why == "refused"]


def give_up(handles: Handles) -> None:
    for _ in range(4):
        fetched_well(handles)
    assert tries(handles) == [3]


@ON_SQLITE
@pytest.mark.parametrize("kind", ["IMAP", "POP3"])
def test_what_was_given_up_is_told_and_taken_in_when_a_person_asks(handles: Handles, kind: str) -> None:
    post = Grudging()
    with post.server(kind) as server:
        add_account(handles, name="support", type=kind, port=server.port)
        give_up(handles)
        assert alerts(handles) == [("left:support", True)]
        fetched_well(handles, "support")
        assert tries(handles) == [4]
        assert alerts(handles) == [("left:support", True)]
        fetch_once(handles, "support")  # by itself it is not tried
        assert tries(handles) == [4]

        post.is_refusing = False
        assert fetched_well(handles, "support").counts.fetched == 1
        assert sorted(raws(handles)) == [message(1), message(2)]
        assert rows_of(handles, Leftover, "uid") == []
        assert alerts(handles) == [("left:support", False)]
        assert fetched_well(handles, "support").counts.fetched == 0


@ON_SQLITE
@pytest.mark.parametrize("kind", ["IMAP", "POP3"])
def test_what_was_given_up_and_is_gone_is_told_no_more(handles: Handles, kind: str) -> None:
    post = Grudging()
    with post.server(kind) as server:
        add_account(handles, name="support", type=kind, port=server.port)
        give_up(handles)
        assert alerts(handles) == [("left:support", True)]
        del post.held[1]
        fetched_well(handles, "support")
        assert alerts(handles) == [("left:support", False)]


@ON_SQLITE
def test_nothing_is_told_of_what_came_before_the_start_or_of_an_earlier_source(handles: Handles) -> None:
    post = Grudging()
    with post.pop3() as server:
        account = add_account(handles, name="support", type="POP3", port=server.port, start_from="now")
        fetched_well(handles)
        assert len(rows_of(handles, Leftover, "uid")) == 2
        assert alerts(handles) == []
        change_account(handles, account, epoch=2, start_from="all")
        give_up(handles)
        assert alerts(handles) == [("left:support", True)]
        change_account(handles, account, epoch=3)
        assert alerts(handles) == [("left:support", False)]


def test_a_few_are_named() -> None:
    names = [f"INBOX uid {uid}" for uid in range(1, 6)]
    assert "5 messages" in told("support", names)
    assert "INBOX uid 1, INBOX uid 2, INBOX uid 3 …" in told("support", names)
    assert "postroom fetch support" in told("support", names[:1])
