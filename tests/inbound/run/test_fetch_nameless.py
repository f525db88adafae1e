"""POP3 servers that give their messages no names: only what is deleted there can be told from new mail."""

import pytest

from core.handles import Handles
from tests.accounts import ON_SQLITE, add_account, change_account, fetch, fetched_well, message, raws, records, stored
from tests.fakes.pop3 import ScriptedPop3, retrieved
from tests.fakes.steps import Step


class NamelessPop3(ScriptedPop3):
    """A server whose UIDLs are missing (`None`) or the same for all; it deletes at QUIT."""

    def __init__(self, mails: list[bytes], uidl: str | None) -> None:
        self.mails = mails
        self.marked: set[int] = set()
        listing = ["+OK", *(f"{number} {uidl}" for number in range(1, 99)), "."]
        super().__init__(
            {
                "CAPA": ["+OK", "USER", "."],
                "STAT": lambda command: self.begin_session(),
                "LIST": lambda command: [
                    "+OK", *(f"{number} {len(raw)}" for number, raw in enumerate(self.mails, 1)), ".",
                ],
                "UIDL": lambda command: ["-ERR what?"] if uidl is None else [*listing[: len(self.mails) + 1], "."],
                "RETR": lambda command: [retrieved(self.mails[int(command.text.split()[1]) - 1])],
                "DELE": lambda command: self.mark(int(command.text.split()[1])),
                "QUIT": lambda command: self.end_session(),
            }
        )  # fmt: skip

    def begin_session(self) -> list[Step]:
        self.marked = set()
        return [f"+OK {len(self.mails)} {sum(map(len, self.mails))}"]

    def mark(self, number: int) -> list[Step]:
        self.marked.add(number)
        return ["+OK"]

    def end_session(self) -> list[Step]:
        self.mails[:] = [raw for number, raw in enumerate(self.mails, 1) if number not in self.marked]
        return ["+OK bye"]


NAMELESS = pytest.mark.parametrize("uidl", [None, "same"], ids=["no UIDL", "equal UIDLs"])


@ON_SQLITE
@NAMELESS
def test_keep_is_refused_where_messages_have_no_names(handles: Handles, uidl: str | None) -> None:
    with NamelessPop3([message(1), message(2)], uidl) as server:
        add_account(handles, type="POP3", port=server.port)
        outcome = fetch(handles).outcomes[0]
    assert (outcome.state, outcome.fault) == ("failed", "configuration")
    assert "UIDL" in outcome.error
    assert "delete" in outcome.error
    assert stored(handles) == []


@NAMELESS
def test_delete_works_where_messages_have_no_names(handles: Handles, uidl: str | None) -> None:
    twin = message("twin")
    with NamelessPop3([message(1), twin, message(2), twin], uidl) as server:
        add_account(handles, type="POP3", port=server.port, after_fetch="delete")
        fetched_well(handles)
        assert server.mails == []
        assert raws(handles) == [message(1), twin, message(2), twin]
        # The same bytes once more, in another session, are another message.
        server.mails += [twin, message(3)]
        assert fetched_well(handles).counts.fetched == 2
        assert server.mails == []
    assert len(records(handles)) == 6


@ON_SQLITE
@NAMELESS
def test_nameless_messages_that_were_stored_and_not_deleted_are_known_again(handles: Handles, uidl: str | None) -> None:
    twin = message("twin")
    with NamelessPop3([message(1), twin, twin], uidl) as server:
        server.script["QUIT"] = ["-ERR not today"]
        add_account(handles, type="POP3", port=server.port, after_fetch="delete")
        fetch(handles)
        assert len(server.mails) == 3
        server.script["QUIT"] = lambda command: server.end_session()
        assert fetched_well(handles).counts.fetched == 0
        assert server.mails == []
    assert raws(handles) == [message(1), twin, twin]


@NAMELESS
def test_a_nameless_message_that_is_too_large_hides_no_other(handles: Handles, uidl: str | None) -> None:
    large = message("large", body="x" * 5000)
    with NamelessPop3([message(1), large], uidl) as server:
        account = add_account(handles, type="POP3", port=server.port, after_fetch="delete", max_size=2000)
        fetched_well(handles)
        assert server.mails == [large]
        server.mails[:] = [large, message(2), message(3)]
        second = fetched_well(handles)
        assert server.mails == [large]
        assert second.counts.too_large == 0
        change_account(handles, account, max_size=10_000)
        fetched_well(handles)
        assert server.mails == []
    assert sorted(raws(handles)) == sorted([message(1), message(2), message(3), large])
    assert [one.state for one in stored(handles)] == ["recorded"] * 4
