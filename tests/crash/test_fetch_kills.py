"""A fetch that is killed anywhere loses nothing, stores nothing twice and removes nothing that is not stored."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from core.environment import Environment
from core.handles import Handles
from core.models import Suspect
from core.services.actor import Actor
from core.services.configuration import stored_rule
from tests.accounts import (
    ON_POSTGRES,
    ON_SQLITE,
    add_account,
    at,
    change_account,
    expire_leases,
    fetched_well,
    lines,
    message,
    raws,
    rows_of,
    run_row,
    stored,
)
from tests.crash.fetching_process import FetchingProcess
from tests.fakes.holding import is_named
from tests.fakes.proxy import Line, Proxy
from tests.servers.certificates import Certificates
from tests.servers.dovecot import DovecotServer, capabilities_without
from tui.demo.dovecot_config import DovecotOptions

MAILS = [message(number) for number in range(12)]
"""Three batches of four."""

DELETE, MOVE, KEEP, POP3 = ("IMAP", "delete"), ("IMAP", "move"), ("IMAP", "keep"), ("POP3", "delete")


@dataclass
class Killed:
    """One account on a real server, behind a proxy that sees to it that only what is stored is removed."""

    handles: Handles
    server: DovecotServer
    user: str
    process: FetchingProcess
    account: int
    removals: int = 0

    def fetch(self, failpoints: str = "", kill_after: float | None = None) -> int:
        """Fetch in a process; if it is killed, its leases run out."""
        code = self.process.run(failpoints, kill_after=kill_after)
        expire_leases(self.handles)
        return code

    def watch(self, line: Line) -> None:
        """Whatever is removed is stored."""
        verb, words = line.text.upper(), line.text.split()
        if verb.startswith("DELE "):
            self.removals += 1
            assert MAILS[self.numbers[int(words[1]) - 1]] in raws(self.handles), line.text
        elif "UID STORE" in verb or "UID EXPUNGE" in verb or "UID MOVE" in verb:
            self.removals += 1
            here = {one.uid for one in stored(self.handles)}
            named = {uid for uid in range(1, 100) if is_named(uid, words[3])}
            assert named <= here, f"{line.text}, and stored are only {here}"
        elif verb == "UIDL":
            self.numbers = [MAILS.index(mail.raw) for mail in self.server.mails(self.user)]

    def all_is_well(self, after: str) -> None:
        """Each message is here once, and on the server what the rule says."""
        assert sorted(raws(self.handles)) == sorted(MAILS)
        inbox = [mail.raw for mail in self.server.mails(self.user)]
        assert inbox == (MAILS if after == "keep" else [])
        if after == "move":
            assert sorted(mail.raw for mail in self.server.mails(self.user, "Done")) == sorted(MAILS)
        assert all(one.is_acknowledged for one in stored(self.handles))
        assert rows_of(self.handles, Suspect, "uid") == []
        assert fetched_well(self.handles).counts.fetched == 0


@contextmanager
def killed(handles: Handles, home: Environment, server: DovecotServer, how: tuple[str, str]) -> Iterator[Killed]:
    user = server.fresh_user()
    server.deliver(user, MAILS)
    kind, after = how
    place = at(server, user, kind)
    account = add_account(handles, after_fetch=after, move_to="Done", **place)
    one = Killed(handles, server, user, FetchingProcess(home), account)
    with Proxy(place["port"], watch=one.watch) as proxy:
        change_account(handles, account, port=proxy.port)
        yield one
        change_account(handles, account, port=place["port"])


CASES = [
    *((DELETE, place) for place in ("K1@1", "K2@2", "K3@3", "K4@1", "K4@3", "K8@2", "K10@1")),
    *((DELETE, place) for place in ("K5@1", "K5@2", "K6@1", "K6@3", "K7@1", "K7@3")),
    *((MOVE, place) for place in ("K4@2", "K6@1", "K7@1")),
    *((KEEP, place) for place in ("K2@3", "K4@2", "K8@3")),
    *((POP3, place) for place in ("K2@2", "K3@2", "K4@2", "K6@1", "K7@1", "K8@1")),
]


def named(value: object) -> str:
    return "-".join(value) if isinstance(value, tuple) else str(value)


def kill_and_recover(
    handles: Handles, home: Environment, dovecot: DovecotServer, how: tuple[str, str], place: str
) -> None:
    with killed(handles, home, dovecot, how) as account:
        assert account.fetch(place.replace("@", ":kill@")) == -9
        first = run_row(handles, 1)
        assert first.state == "running"

        summary = fetched_well(handles)

        assert summary.outcomes[0].state == "ok"
        assert run_row(handles, 1).state == "aborted"
        account.all_is_well(how[1])
        assert how[1] == "keep" or account.removals > 0


@ON_SQLITE
@pytest.mark.parametrize(("how", "place"), CASES, ids=named)
def test_a_kill_loses_nothing_and_doubles_nothing(
    handles: Handles, home: Environment, dovecot: DovecotServer, how: tuple[str, str], place: str
) -> None:
    kill_and_recover(handles, home, dovecot, how, place)


@pytest.fixture(scope="module", params=[("MOVE",), ("MOVE", "UIDPLUS")], ids=["no move", "no move, no uidplus"])
def without_move(request: pytest.FixtureRequest, certificates: Certificates) -> Iterator[DovecotServer]:
    options = DovecotOptions(imap_capability=capabilities_without(*request.param))
    with DovecotServer(certificates.good, users={}, options=options) as server:
        yield server


@pytest.fixture
def has_uidplus(without_move: DovecotServer) -> bool:
    with without_move.imap(without_move.fresh_user()) as connection:
        return b"UIDPLUS" in connection.capability()[1][0].split()


@ON_SQLITE
@pytest.mark.parametrize("place", ["K5@1", "K5@2", "K6@1", "K7@1"])
def test_a_kill_between_copying_and_removing_leaves_no_second_copy(
    handles: Handles, home: Environment, without_move: DovecotServer, place: str
) -> None:
    kill_and_recover(handles, home, without_move, MOVE, place)


@ON_SQLITE
def test_what_was_copied_is_told_from_what_is_there_by_its_bytes(
    handles: Handles, home: Environment, without_move: DovecotServer, has_uidplus: bool
) -> None:
    with killed(handles, home, without_move, MOVE) as account:
        assert account.fetch("K5:kill@1") == -9
        copied = [mail.raw for mail in without_move.mails(account.user, "Done")]
        assert copied == MAILS[:4]
        # One copy is taken away, and something of the same size is there in its place.
        without_move.remove(account.user, 1, "Done")
        other = MAILS[0].replace(b"Hello", b"HELLO")
        assert len(other) == len(MAILS[0])
        assert other != MAILS[0]
        without_move.append(account.user, other, "Done")

        summary = fetched_well(handles)

        done = [mail.raw for mail in without_move.mails(account.user, "Done")]
        assert without_move.mails(account.user) == []
        assert {*done} == {*MAILS, other}
        if has_uidplus:
            assert len(done) == len(MAILS) + 1
            said = [line for line in lines(handles, summary.outcomes[0].run_id) if "had been copied" in line]
            assert said == ["warning note 3 messages had been copied before the last run was cut off; not again"]


@ON_SQLITE
def test_a_twin_that_was_moved_before_is_no_copy(handles: Handles, without_move: DovecotServer, admin: Actor) -> None:
    user = without_move.fresh_user()
    account = add_account(handles, name="support", after_fetch="move", move_to="Done", **at(without_move, user))
    without_move.deliver(user, MAILS[:2])
    fetched_well(handles)
    change_account(handles, account, after_fetch="keep")
    without_move.deliver(user, MAILS[:1])
    fetched_well(handles)
    change_account(handles, account, after_fetch="move")
    stored_rule.apply(handles, admin, "support")

    fetched_well(handles)

    assert without_move.mails(user) == []
    assert sorted(mail.raw for mail in without_move.mails(user, "Done")) == sorted([MAILS[0], *MAILS[:2]])


@ON_POSTGRES
@pytest.mark.parametrize(("how", "place"), [(DELETE, "K4@2"), (DELETE, "K8@2"), (POP3, "K6@1")], ids=named)
def test_a_kill_on_postgresql_too(
    handles: Handles, home: Environment, dovecot: DovecotServer, how: tuple[str, str], place: str
) -> None:
    kill_and_recover(handles, home, dovecot, how, place)


@ON_SQLITE
@pytest.mark.parametrize(
    ("how", "place"),
    [
        (DELETE, "K9/fetch:raise@3"),
        (POP3, "K9/fetch:raise@3"),
        (DELETE, "K9/fetch:raise@4"),
        (DELETE, "K9/fetch:kill@4"),
        (POP3, "K4:raise@2"),
    ],
    ids=named,
)
def test_a_commit_that_fails_loses_nothing_and_doubles_nothing(
    handles: Handles, home: Environment, dovecot: DovecotServer, how: tuple[str, str], place: str
) -> None:
    with killed(handles, home, dovecot, how) as account:
        assert account.fetch(place) == (-9 if "kill" in place else 75)
        fetched_well(handles)
        account.all_is_well(how[1])


@ON_SQLITE
@pytest.mark.parametrize("how", [DELETE, MOVE, POP3], ids=named)
def test_kills_at_any_moment(handles: Handles, home: Environment, dovecot: DovecotServer, how: tuple[str, str]) -> None:
    moments = random.Random(f"{how}")
    with killed(handles, home, dovecot, how) as account:
        for _ in range(5):
            account.fetch(kill_after=moments.uniform(0.02, 0.4))
        assert account.fetch() == 0
        account.all_is_well(how[1])


@ON_SQLITE
def test_kills_in_careful_mode_itself(handles: Handles, home: Environment, dovecot: DovecotServer) -> None:
    with killed(handles, home, dovecot, DELETE) as account:
        assert account.fetch("K4:kill@2") == -9
        # What the suspects' own process took in is known, whenever its parent dies.
        for place in ("K10", "K1", "K5", "K6", "K7"):
            account.fetch(f"{place}:kill@1")
        fetched_well(handles)
        account.all_is_well("delete")
        assert {one.state for one in stored(handles)} == {"recorded"}
