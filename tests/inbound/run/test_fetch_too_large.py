"""What is too large is left on its server, told once, and taken in when the limit is raised."""

import pytest

from core.handles import Handles
from core.models import Message
from tests.accounts import (
    ON_SQLITE,
    add_account,
    at,
    change_account,
    fetched_well,
    lines,
    message,
    raws,
    rows_of,
    stored,
)
from tests.fakes.holding import holding
from tests.fakes.imap import ScriptedImap
from tests.fakes.steps import Command, Step
from tests.servers.dovecot import DovecotServer


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

    change_account(handles, account, max_size=left.size)
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
