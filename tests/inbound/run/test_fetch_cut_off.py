"""A connection that breaks while messages are read: what came whole is kept, and no message stops the others."""

import pytest

from core.handles import Handles
from core.inbound.troubles import tell_troubles
from core.models import Alert, Leftover
from core.protocols.wire import Wire
from tests.accounts import ON_SQLITE, add_account, at, fetch, fetch_once, fetched_well, lines, message, raws, rows_of
from tests.fakes.faults import Direction, Fault, Rule
from tests.fakes.holding import holding, is_named
from tests.fakes.imap import ScriptedImap, fetched
from tests.fakes.pop3 import ScriptedPop3, retrieved
from tests.fakes.proxy import Proxy
from tests.fakes.steps import Command, Cut, Step
from tests.servers.dovecot import DovecotServer

pytestmark = ON_SQLITE


class Fragile:
    """A server whose connection breaks in the middle of message 2."""

    def __init__(self, *uids: int) -> None:
        self.held: dict[int, bytes | None] = {uid: message(uid) for uid in uids}
        self.is_broken = True

    def server(self, kind: str) -> ScriptedImap | ScriptedPop3:
        return self.imap() if kind == "IMAP" else self.pop3()

    def imap(self) -> ScriptedImap:
        usual = holding(self.held)

        def bodies(command: Command) -> list[Step]:
            named = [uid for uid in self.held if is_named(uid, command.text.split()[2])]
            if "BODY.PEEK" not in command.text or not self.is_broken or 2 not in named:
                return list(usual["UID FETCH"](command))  # type: ignore[operator]
            before = [fetched(uid, self.held[uid]) for uid in named if uid < 2]
            return [*before, fetched(2, self.held[2], upto=20), Cut()]

        return ScriptedImap({**usual, "UID FETCH": bodies})

    def pop3(self) -> ScriptedPop3:
        def retrieve(command: Command) -> list[Step]:
            uid = list(self.held)[int(command.text.split()[1]) - 1]
            whole = retrieved(self.held[uid] or b"")
            return [whole[:60], Cut()] if uid == 2 and self.is_broken else [whole]

        return ScriptedPop3(
            {
                "STAT": lambda _: [f"+OK {len(self.held)} 200"],
                "LIST": lambda _: ["+OK", *(f"{number} 100" for number in range(1, len(self.held) + 1)), "."],
                "UIDL": lambda _: ["+OK", *(f"{number} u{uid}" for number, uid in enumerate(self.held, 1)), "."],
                "RETR": retrieve,
            }
        )


def noted(handles: Handles) -> list[tuple[str, int]]:
    return [(row.why, row.tries) for row in rows_of(handles, Leftover, "uid")]


@pytest.mark.parametrize("kind", ["IMAP", "POP3"])
def test_what_came_before_is_kept_and_the_rest_comes_in_its_order(handles: Handles, kind: str) -> None:
    post = Fragile(1, 2, 3)
    with post.server(kind) as server:
        add_account(handles, type=kind, port=server.port)

        [first] = fetch(handles).outcomes
        assert (first.state, first.counts.fetched) == ("failed", 1)
        assert raws(handles) == [message(1)]
        assert any("did not come: cut off" in line for line in lines(handles, first.run_id))

        post.is_broken = False
        assert fetched_well(handles).counts.fetched == 2
        assert raws(handles) == [message(1), message(2), message(3)]
        assert noted(handles) == []
        assert fetched_well(handles).counts.fetched == 0


@pytest.mark.parametrize("kind", ["IMAP", "POP3"])
def test_what_breaks_the_connection_twice_comes_after_the_others(handles: Handles, kind: str) -> None:
    post = Fragile(1, 2, 3)
    with post.server(kind) as server:
        add_account(handles, type=kind, port=server.port)
        assert [fetch(handles).outcomes[0].counts.fetched for _ in range(2)] == [1, 0]
        post.is_broken = False
        fetched_well(handles)
        assert raws(handles) == [message(1), message(3), message(2)]
        assert noted(handles) == []
        assert fetched_well(handles).counts.fetched == 0


@pytest.mark.parametrize("kind", ["IMAP", "POP3"])
def test_what_breaks_the_connection_beside_others_three_times_is_given_up_until_a_person_asks(
    handles: Handles, kind: str
) -> None:
    post = Fragile(1, 2, 3)
    with post.server(kind) as server:
        add_account(handles, name="support", type=kind, port=server.port)
        for uid in (4, 5, 6):
            assert fetch_once(handles, "support").error
            post.held[uid] = message(uid)
        assert noted(handles) == [("cut off", 3)]
        assert fetch_once(handles, "support").error == ""
        assert raws(handles) == [message(uid) for uid in (1, 3, 4, 5, 6)]
        tell_troubles(handles)
        assert [row.subject for row in rows_of(handles, Alert, "id") if row.closed_at is None] == ["left:support"]

        post.is_broken = False
        assert fetched_well(handles, "support").counts.fetched == 1
        assert noted(handles) == []


def test_a_line_that_breaks_whatever_is_read_is_no_messages_fault(handles: Handles) -> None:
    post = Fragile(2)
    with post.imap() as server:
        add_account(handles, port=server.port)
        for _ in range(5):
            assert fetch(handles).outcomes[0].error
        assert noted(handles) == [("cut off", 2)]
        post.is_broken = False
        assert fetched_well(handles).counts.fetched == 1


@pytest.mark.parametrize("kind", ["IMAP", "POP3"])
def test_over_a_line_that_never_lasts_for_a_batch_all_comes_in_exactly_once(
    handles: Handles, dovecot: DovecotServer, kind: str
) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(number, body="x" * 3000) for number in range(30)])
    place = at(dovecot, user, kind)
    with Proxy(place["port"], Rule(Direction.TO_CLIENT, Fault.CUT, after=20_000)) as proxy:
        add_account(handles, **{**place, "port": proxy.port}, after_fetch="delete")
        runs = 0
        while dovecot.mails(user):
            fetch(handles)
            runs += 1
            assert runs < 15
    assert sorted(raws(handles)) == sorted(message(number, body="x" * 3000) for number in range(30))


def test_a_message_at_which_dovecot_ends_the_connection_stops_no_other(
    handles: Handles, dovecot: DovecotServer
) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(number) for number in range(5)])
    # Its name lies about its size, as after a restore that went wrong: Dovecot finds out while it sends it.
    damaged = sorted((dovecot.maildir(user) / "new").iterdir())[2]
    damaged.rename(damaged.with_name(damaged.name.replace("S=", "S=9").replace("W=", "W=9")))
    add_account(handles, **at(dovecot, user), after_fetch="delete")
    for _ in range(3):
        fetch(handles)
    assert raws(handles) == [message(number) for number in (0, 1, 3, 4)]


def test_a_message_that_does_not_fit_into_memory_stops_no_other(
    handles: Handles, dovecot: DovecotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = Wire.read

    def short(wire: Wire, count: int) -> bytes:
        if count > 5000:
            raise MemoryError
        return usual(wire, count)

    user = dovecot.fresh_user()
    mails = [message(1), message(2, body="x" * 5000), message(3)]
    dovecot.deliver(user, mails)
    account = add_account(handles, **at(dovecot, user))
    with monkeypatch.context() as little:
        little.setattr(Wire, "read", short)
        [first, *_] = [fetch(handles).outcomes[0] for _ in range(3)]
        assert first.state == "failed"
        assert "not enough memory" in first.error
        assert raws(handles, account) == [mails[0], mails[2]]
        assert noted(handles) == [("cut off", 3)]
    assert fetched_well(handles, "a").counts.fetched == 1
