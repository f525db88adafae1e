"""What is not simply taken in: too large, not given, too many, from before the start, or not to be processed."""

from datetime import timedelta
from typing import Any

import pytest

from core import clock
from core.db import bulk
from core.errors import StoreRefused
from core.handles import Handles
from core.inbound import judging, rows
from core.models import Leftover, Message, Quarantine, RawMessage
from tests.accounts import (
    ON_SQLITE,
    add_account,
    at,
    change_account,
    fetch,
    fetch_once,
    fetched_well,
    lines,
    message,
    raws,
    records,
    rows_of,
    run_row,
    stored,
)
from tests.corpus.nasty import BUILT, small_messages
from tests.fakes.holding import holding
from tests.fakes.imap import ScriptedImap, fetched
from tests.fakes.pop3 import ScriptedPop3, retrieved
from tests.fakes.steps import Command, Step
from tests.servers.dovecot import DovecotServer

# -- too large ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["IMAP", "POP3"])
@pytest.mark.parametrize("after", ["keep", "delete"])
def test_too_large_is_left_reported_once_and_due_when_the_limit_is_raised(
    handles: Handles, dovecot: DovecotServer, kind: str, after: str
) -> None:
    user = dovecot.fresh_user()
    large = message("large", body="x" * 5000)
    dovecot.deliver(user, [message(1), large, message(2)])
    account = add_account(handles, max_size=2000, after_fetch=after, **at(dovecot, user, kind))

    first, second = fetched_well(handles), fetched_well(handles)

    assert raws(handles) == [message(1), message(2)]
    assert [one.state for one in stored(handles)].count("too_large") == 1
    assert (first.counts.too_large, second.counts.too_large) == (1, 0)
    assert any("left on the server" in line for line in lines(handles, first.outcomes[0].run_id))
    assert not any("warning" in line for line in lines(handles, second.outcomes[0].run_id))
    assert large in [mail.raw for mail in dovecot.mails(user)]
    (left,) = [row for row in rows_of(handles, Message, "id") if row.state == "too_large"]
    assert (left.subject, left.from_address) == ("Message large", "userlarge@example.org")
    assert left.message_id == "<large@mail.example.org>"

    change_account(handles, account, max_size=20_000)
    third = fetched_well(handles)

    assert third.counts.fetched == 1
    assert raws(handles) == [message(1), message(2), large]
    assert [one.state for one in stored(handles)] == ["recorded"] * 3
    assert (dovecot.mails(user) == []) is (after == "delete")
    assert fetched_well(handles).counts.fetched == 0


@ON_SQLITE
@pytest.mark.parametrize("answer", [["$tag NO no"], ["$tag OK done"], ["* 1 FETCH (UID 1 FLAGS ())", "$tag OK done"]])
def test_a_large_message_whose_header_is_not_given_is_left_all_the_same(handles: Handles, answer: list[Step]) -> None:
    held: dict[int, bytes | None] = {1: message(1, body="x" * 5000), 2: message(2)}
    usual = holding(held)

    def fetch_command(command: Command) -> list[Step]:
        return answer if "HEADER" in command.text else list(usual["UID FETCH"](command))  # type: ignore[operator]

    with ScriptedImap({**usual, "UID FETCH": fetch_command}) as server:
        add_account(handles, max_size=2000, port=server.port)
        assert fetched_well(handles).counts.too_large == 1
        assert fetched_well(handles).counts.too_large == 0
    assert sorted(one.state for one in stored(handles)) == ["recorded", "too_large"]


# -- listed, and not given --------------------------------------------------------------------------------------------


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
def test_a_size_that_is_a_lie_does_not_matter(handles: Handles) -> None:
    def bodies(command: Command) -> list[Step]:
        return [fetched(1, message(1), size=3), "$tag OK done"]

    with ScriptedImap(holding({1: message(1)}, {"UID FETCH": bodies})) as server:
        add_account(handles, port=server.port)
        fetched_well(handles)
    assert raws(handles) == [message(1)]


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


# -- POP3 servers that name nothing ---------------------------------------------------------------------------------


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


# -- where to begin, how many at once -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["IMAP", "POP3"])
def test_start_from_now_takes_in_what_comes_from_now_on(handles: Handles, dovecot: DovecotServer, kind: str) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(1), message(2)])
    add_account(handles, start_from="now", after_fetch="delete", **at(dovecot, user, kind))
    assert fetched_well(handles).counts.fetched == 0
    dovecot.deliver(user, [message(3)])
    assert fetched_well(handles).counts.fetched == 1
    assert [mail.raw for mail in dovecot.mails(user)] == [message(1), message(2)]


@ON_SQLITE
@pytest.mark.parametrize("kind", ["IMAP", "POP3"])
def test_start_from_now_of_an_empty_mailbox_misses_nothing(handles: Handles, dovecot: DovecotServer, kind: str) -> None:
    user = dovecot.fresh_user()
    add_account(handles, start_from="now", **at(dovecot, user, kind))
    fetched_well(handles)
    dovecot.deliver(user, [message(1)])
    assert fetched_well(handles).counts.fetched == 1


@ON_SQLITE
@pytest.mark.parametrize("at_once", [100, 1])
def test_start_from_a_date_goes_by_when_mail_came(handles: Handles, dovecot: DovecotServer, at_once: int) -> None:
    user = dovecot.fresh_user()
    days = ["09", "10", "08", "11", "07"]
    for day in days:
        dovecot.append(user, message(day), internal_date=f'"{day}-Mar-2026 12:00:00 +0000"')
    add_account(handles, start_from="2026-03-10", max_messages=at_once, **at(dovecot, user))
    fetched_well(handles)
    assert raws(handles) == [message("10"), message("11")]
    dovecot.deliver(user, [message("new")])
    fetched_well(handles)
    assert raws(handles)[2:] == [message("new")]


@ON_SQLITE
def test_start_from_a_date_is_refused_with_pop3(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(1)])
    add_account(handles, start_from="2026-03-10", **at(dovecot, user, "POP3"))
    outcome = fetch(handles).outcomes[0]
    assert outcome.fault == "configuration"
    assert "start from" in outcome.error


@ON_SQLITE
@pytest.mark.parametrize("kind", ["IMAP", "POP3"])
def test_a_run_ends_at_its_bound_and_the_rest_is_due_at_once(
    handles: Handles, dovecot: DovecotServer, kind: str
) -> None:
    user = dovecot.fresh_user()
    mails = [message(number) for number in range(7)]
    dovecot.deliver(user, mails)
    add_account(handles, max_messages=3, after_fetch="delete", **at(dovecot, user, kind))
    outcomes = [fetch_once(handles, "a") for _ in range(3)]
    assert [outcome.counts.fetched for outcome in outcomes] == [3, 3, 1]
    assert [outcome.has_more for outcome in outcomes] == [True, True, False]
    assert raws(handles) == mails
    assert dovecot.mails(user) == []


def test_after_a_bounded_run_the_account_is_due_now(handles: Handles, dovecot: DovecotServer) -> None:
    from tests.accounts import status_of

    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(number) for number in range(3)])
    account = add_account(handles, max_messages=2, interval=600, **at(dovecot, user))
    fetch_once(handles, "a")
    assert status_of(handles, account).due_at <= clock.utcnow()
    fetch_once(handles, "a")
    assert status_of(handles, account).due_at > clock.utcnow() + timedelta(seconds=590)


@ON_SQLITE
def test_a_fetch_by_hand_goes_on_until_nothing_is_left(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    dovecot.create_folder(user, "More")
    dovecot.deliver(user, [message(number) for number in range(5)])
    dovecot.deliver(user, [message(f"more{number}") for number in range(5)], "More")
    add_account(handles, max_messages=2, folders=["INBOX", "More"], **at(dovecot, user))
    assert fetched_well(handles).counts.fetched == 10


# -- what cannot be processed ---------------------------------------------------------------------------------------


def test_a_poisonous_message_is_quarantined_and_the_next_ones_are_processed(
    handles: Handles, dovecot: DovecotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = judging.judge

    def poisoned(facts: Any, rules: Any) -> Any:
        if "poison" in facts.summary.subject:
            raise ZeroDivisionError("of the parser")
        return judge(facts, rules)

    monkeypatch.setattr(judging, "judge", poisoned)
    user = dovecot.fresh_user()
    mails = [message(1), message("poison"), message(2)]
    dovecot.deliver(user, mails)
    add_account(handles, after_fetch="delete", **at(dovecot, user))

    summary = fetched_well(handles)

    assert (summary.counts.fetched, summary.counts.records, summary.counts.quarantined) == (3, 2, 1)
    assert raws(handles) == mails
    assert [one.state for one in stored(handles)] == ["recorded", "quarantined", "recorded"]
    (row,) = rows_of(handles, Quarantine, "message_id")
    assert "ZeroDivisionError" in row.reason
    assert "of the parser" in row.detail
    assert dovecot.mails(user) == []


def test_whatever_a_message_holds_it_is_stored_with_its_bytes(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    large = {name: make() for name, make in BUILT.items() if name in {"nesting-500", "parts-20000", "from-of-quotes"}}
    mails = [*small_messages().values(), *large.values()]
    dovecot.deliver(user, mails)
    add_account(handles, **at(dovecot, user))
    expected = [mail.raw for mail in dovecot.mails(user)]

    summary = fetched_well(handles)

    assert raws(handles) == expected
    assert summary.counts.fetched == len(mails)


def test_a_batch_that_the_database_refuses_is_taken_in_one_by_one(
    handles: Handles, dovecot: DovecotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert_rows = bulk.insert_rows

    def refusing(session: Any, model: Any, given: Any) -> None:
        # The refused one has a record or is quarantined with others; quarantined alone, unparsed, it is taken.
        if model is RawMessage and len(given) >= 1 and any(b"refused" in row["data"] for row in given):
            quarantined = [row for row in given if b"refused" in row["data"]]
            if len(given) > 1 or quarantined[0]["data"] not in seen:
                seen.update(row["data"] for row in quarantined if len(given) == 1)
                raise StoreRefused("The database does not take these values: of the test")
        insert_rows(session, model, given)

    seen: set[bytes] = set()
    monkeypatch.setattr(rows.bulk, "insert_rows", refusing)
    user = dovecot.fresh_user()
    mails = [message(1), message("refused"), message(2)]
    dovecot.deliver(user, mails)
    add_account(handles, after_fetch="delete", **at(dovecot, user))

    summary = fetched_well(handles)

    assert raws(handles) == mails
    assert [one.state for one in stored(handles)] == ["recorded", "quarantined", "recorded"]
    assert summary.counts.fetched == 3
    assert dovecot.mails(user) == []
    assert fetched_well(handles).counts.fetched == 0
    assert "of the test" in rows_of(handles, Quarantine, "message_id")[0].reason


def test_the_counts_of_a_run_are_those_of_its_rows(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, small_messages().values())
    account = add_account(handles, max_size=4000, after_fetch="delete", **at(dovecot, user))
    summary = fetched_well(handles)
    row = run_row(handles, summary.outcomes[0].run_id)
    states = [one.state for one in stored(handles, account)]
    assert row.too_large == states.count("too_large") > 0
    assert row.quarantined == states.count("quarantined")
    assert row.bounces == states.count("bounce")
    assert row.ignored == states.count("ignored")
    assert row.records + row.follow_ups == states.count("recorded")
    assert row.fetched == len(raws(handles)) == row.acknowledged
    assert row.bytes == sum(map(len, raws(handles)))
    assert row.records == len(records(handles))
    assert (row.state, row.step, row.error) == ("ok", "", "")


@ON_SQLITE
def test_what_the_first_of_several_runs_took_in_is_not_counted_as_here_already(
    handles: Handles, dovecot: DovecotServer
) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(str(number)) for number in range(5)])
    add_account(handles, max_messages=2, **at(dovecot, user))

    first, second = fetched_well(handles), fetched_well(handles)

    assert (first.counts.fetched, first.counts.skipped) == (5, 0)
    assert (second.counts.fetched, second.counts.skipped) == (0, 5)
