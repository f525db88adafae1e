"""What a fetch changes on the server, and what it must not touch."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest

from core.environment import read_environment
from core.gateway import open_gateway
from core.handles import Handles
from tests.accounts import (
    ON_SQLITE,
    add_account,
    at,
    change_account,
    expire_leases,
    fetch,
    fetch_once,
    fetched_well,
    lines,
    message,
    raws,
    stored,
)
from tests.fakes.holding import holding, is_named
from tests.fakes.imap import ScriptedImap
from tests.fakes.proxy import Line, Proxy
from tests.fakes.steps import GREETING, Reply
from tests.servers.certificates import Certificates
from tests.servers.dovecot import DovecotServer, capabilities_without
from tests.servers.postgres import Postgres
from tests.waiting import until
from tui.demo.dovecot_config import DovecotOptions

MAILS = [message(number) for number in range(3)]


@contextmanager
def dovecot_without(certificates: Certificates, *hidden: str) -> Iterator[DovecotServer]:
    options = DovecotOptions(imap_capability=capabilities_without(*hidden))
    with DovecotServer(certificates.good, users={}, options=options) as server:
        yield server


def subjects(server: DovecotServer, user: str, folder: str = "INBOX") -> list[bytes]:
    return [mail.raw for mail in server.mails(user, folder)]


def test_keep_changes_nothing_not_even_seen(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, MAILS)
    dovecot.set_flags(user, 2, r"\Flagged")
    before = dovecot.mails(user)
    add_account(handles, **at(dovecot, user))

    fetched_well(handles)

    assert dovecot.mails(user) == before
    assert not any(r"\Seen" in mail.flags for mail in before)


@ON_SQLITE
def test_kept_messages_are_marked_seen_where_that_is_wanted(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, MAILS)
    add_account(handles, mark_seen=True, **at(dovecot, user))

    summary = fetched_well(handles)

    assert [r"\Seen" in mail.flags for mail in dovecot.mails(user)] == [True] * 3
    assert all(one.is_acknowledged for one in stored(handles))
    assert summary.counts.acknowledged == 0
    assert fetched_well(handles).counts.fetched == 0


@ON_SQLITE
def test_mark_seen_means_nothing_to_pop3(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, MAILS)
    add_account(handles, mark_seen=True, **at(dovecot, user, "POP3"))

    summary = fetched_well(handles)

    assert [one.is_acknowledged for one in stored(handles)] == [True] * 3
    assert not any("warning" in line for line in lines(handles, summary.outcomes[0].run_id))


def test_delete_leaves_what_others_have_marked_as_deleted(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message("theirs")])
    add_account(handles, name="keeping", **at(dovecot, user))
    fetched_well(handles)
    dovecot.set_flags(user, 1, r"\Deleted")
    dovecot.deliver(user, MAILS)
    account = add_account(handles, name="deleting", after_fetch="delete", start_from="all", **at(dovecot, user))
    # Somebody else's message was kept by a rule that held then.
    change_account(handles, account, after_fetch="keep", max_messages=1)
    fetch_once(handles, "deleting")
    change_account(handles, account, after_fetch="delete", max_messages=100)

    fetched_well(handles, "deleting")

    assert subjects(dovecot, user) == [message("theirs")]


@ON_SQLITE
def test_a_message_that_arrives_while_others_are_deleted_stays(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, MAILS)
    late = message("late")

    def deliver_late(line: Line) -> None:
        if "+FLAGS.SILENT" in line.text:
            dovecot.append(user, late)
            dovecot.set_flags(user, 4, r"\Deleted")

    with Proxy(dovecot.ports.imap, watch=deliver_late) as proxy:
        add_account(handles, after_fetch="delete", **{**at(dovecot, user), "port": proxy.port})
        fetched_well(handles)

    assert raws(handles) == MAILS
    assert subjects(dovecot, user) == [late]


def test_nothing_is_removed_before_it_is_committed(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    mails = [message(number, body="x" * 60_000) for number in range(120)]
    dovecot.deliver(user, mails)
    seen: list[int] = []

    def look(line: Line) -> None:
        if "EXPUNGE" in line.text or "STORE" in line.text:
            named = {uid for uid in range(1, 121) if is_named(uid, line.text.split()[3])}
            here = {one.uid for one in stored(handles)}
            assert named <= here, f"{line.text}, but only {here} are stored"
            seen.append(len(named))

    with Proxy(dovecot.ports.imap, watch=look) as proxy:
        add_account(handles, after_fetch="delete", **{**at(dovecot, user), "port": proxy.port})
        fetched_well(handles)

    assert len(seen) >= 4  # more than one batch, each stored and expunged
    assert subjects(dovecot, user) == []
    assert raws(handles) == mails


@ON_SQLITE
@pytest.mark.parametrize("hidden", [(), ("MOVE",), ("MOVE", "UIDPLUS")], ids=["move", "no move", "no move, no uidplus"])
def test_move_puts_ours_into_a_folder_that_is_made_for_it(
    handles: Handles, dovecot: DovecotServer, certificates: Certificates, hidden: tuple[str, ...]
) -> None:
    with dovecot_without(certificates, *hidden) as server:
        user = server.fresh_user()
        server.deliver(user, MAILS)
        add_account(handles, after_fetch="move", move_to="Done/Übernommen", **at(server, user))

        summary = fetched_well(handles)

        assert subjects(server, user) == []
        assert subjects(server, user, "Done/Übernommen") == MAILS
        assert summary.counts.acknowledged == 3
        assert fetched_well(handles).counts.fetched == 0


@ON_SQLITE
@pytest.mark.parametrize("after", ["delete", "move"])
def test_without_uidplus_nothing_of_others_is_removed_and_the_run_says_so(
    handles: Handles, certificates: Certificates, after: str
) -> None:
    with dovecot_without(certificates, "MOVE", "UIDPLUS") as server:
        user = server.fresh_user()
        server.deliver(user, [message("theirs")])
        add_account(handles, after_fetch=after, move_to="Done", start_from="now", **at(server, user))
        fetched_well(handles)
        server.set_flags(user, 1, r"\Deleted")
        server.deliver(user, MAILS)

        summary = fetched_well(handles)

        assert subjects(server, user) == [message("theirs"), *MAILS]
        assert summary.counts.acknowledged == 0
        said = [line for line in lines(handles, summary.outcomes[0].run_id) if line.startswith("warning acknowledge")]
        assert len(said) == 1
        assert "3 left on the server" in said[0]
        assert "UIDPLUS" in said[0]

        # As soon as the other's message is gone, ours go; once each, though they were not fetched again.
        server.remove(user, 1)
        assert fetched_well(handles).counts.fetched == 0
        assert subjects(server, user) == []
        assert after == "delete" or subjects(server, user, "Done") == MAILS


REFUSALS = {
    "not permitted": "$tag NO [NOPERM] you may not",
    "over quota": "$tag NO [OVERQUOTA] the folder is full",
}


@ON_SQLITE
@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_server_that_refuses_to_remove_does_not_keep_new_mail_out(handles: Handles, refusal: str) -> None:
    mails: dict[int, bytes | None] = {1: message(1)}
    answer = [REFUSALS[refusal]]
    with ScriptedImap(holding(mails, {"UID MOVE": answer, "UID STORE": answer})) as server:
        add_account(handles, port=server.port, after_fetch="move", move_to="Done")
        first = fetched_well(handles)
        mails[2] = message(2)
        second = fetched_well(handles)

    assert raws(handles) == [message(1), message(2)]
    assert [summary.counts.acknowledged for summary in (first, second)] == [0, 0]
    said = [line for line in lines(handles, second.outcomes[0].run_id) if "left on the server" in line]
    assert said
    assert "you may not" in said[0] or "full" in said[0]
    assert not any(one.is_acknowledged for one in stored(handles))


def test_a_folder_that_may_be_filled_and_not_read_does_not_keep_new_mail_out(handles: Handles) -> None:
    mails: dict[int, bytes | None] = {1: message(1)}
    copying = iter(["NO [OVERQUOTA] full", "OK copied", "OK copied"])
    without_move = ["* CAPABILITY IMAP4rev1 UIDPLUS", "$tag OK done"]
    changes: dict[str, Reply] = {
        GREETING: ["* OK ready"],
        "CAPABILITY": without_move,
        "UID COPY": lambda _: [f"$tag {next(copying)}"],
        "UID STORE": ["$tag OK done"],
        "EXAMINE": ["$tag NO [NOPERM] not yours to read"],
    }
    with ScriptedImap(holding(mails, changes)) as server:
        add_account(handles, after_fetch="move", move_to="Drop", host=server.host, port=server.port)
        fetch(handles)
        mails[2] = message(2)
        fetched_well(handles)

    assert raws(handles) == [message(1), message(2)]
    assert mails == {}


@ON_SQLITE
def test_a_folder_that_is_for_reading_only_is_read_all_the_same(handles: Handles) -> None:
    selected = ["* 1 EXISTS", "* OK [UIDVALIDITY 1] v", "* OK [UIDNEXT 2] n", "$tag OK [READ-ONLY] selected"]
    with ScriptedImap(holding({1: message(1)}, {"SELECT": selected})) as server:
        add_account(handles, port=server.port, after_fetch="delete")
        summary = fetched_well(handles)
        again = fetched_well(handles)

    assert summary.counts.fetched == 1
    assert any("left on the server" in line for line in lines(handles, again.outcomes[0].run_id))
    assert "UID STORE" not in server.keys


def test_a_changed_rule_holds_for_what_is_fetched_from_then_on(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message("kept")])
    account = add_account(handles, **at(dovecot, user))
    fetched_well(handles)
    change_account(handles, account, after_fetch="delete")
    dovecot.deliver(user, [message("deleted")])
    fetched_well(handles)
    assert subjects(dovecot, user) == [message("kept")]


@ON_SQLITE
def test_what_another_client_removed_meanwhile_counts_as_done(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, MAILS)

    def remove_first(line: Line) -> None:
        if "+FLAGS.SILENT" in line.text:
            dovecot.remove(user, 1)

    with Proxy(dovecot.ports.imap, watch=remove_first) as proxy:
        add_account(handles, after_fetch="delete", **{**at(dovecot, user), "port": proxy.port})
        summary = fetch(handles)
    assert [outcome.error for outcome in summary.outcomes] == [""]
    assert all(one.is_acknowledged for one in stored(handles))
    assert subjects(dovecot, user) == []


@ON_SQLITE
@pytest.mark.parametrize(("kind", "held"), [("IMAP", []), ("POP3", []), ("POP3", [True])])
def test_nothing_is_removed_when_the_claim_may_run_out_meanwhile(
    handles: Handles, dovecot: DovecotServer, monkeypatch: pytest.MonkeyPatch, kind: str, held: list[bool]
) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, MAILS)
    add_account(handles, after_fetch="delete", **at(dovecot, user, kind))

    with monkeypatch.context() as patched:
        # With POP3 it is asked twice: before DELE, and before QUIT, which is what removes.
        patched.setattr(handles.renewer, "outlives", lambda lease, seconds: bool(held and held.pop()))
        outcome = fetch_once(handles, "a")
    assert "nothing was changed there" in outcome.error
    assert (raws(handles), subjects(dovecot, user)) == (MAILS, MAILS)
    assert not any(one.is_acknowledged for one in stored(handles))

    expire_leases(handles)
    assert fetched_well(handles).counts.acknowledged == 3
    assert subjects(dovecot, user) == []


@pytest.fixture
def careless(tmp_path: Path) -> Iterator[tuple[Handles, psycopg.Connection[Any]]]:
    """A Postroom on a PostgreSQL of its own, and who may change how that one is set up."""
    with Postgres(durable=False) as server:
        url = server.create_database()
        handles = open_gateway(read_environment({}, home=str(tmp_path / "home"), database_url=url))
        with closing(handles), psycopg.connect(url, autocommit=True) as owner:
            yield handles, owner


def test_nothing_is_removed_from_servers_while_postgresql_syncs_nothing(
    careless: tuple[Handles, psycopg.Connection[Any]], dovecot: DovecotServer
) -> None:
    handles, owner = careless
    user = dovecot.fresh_user()
    dovecot.deliver(user, MAILS)
    add_account(handles, after_fetch="delete", **at(dovecot, user))

    def sync(word: LiteralString) -> None:
        owner.execute(f"ALTER SYSTEM SET fsync = {word}")
        owner.execute("SELECT pg_reload_conf()")
        until(lambda: handles.database.outlives_power() == (word == "on"))

    sync("off")
    summary = fetched_well(handles)
    assert (summary.counts.fetched, summary.counts.acknowledged) == (3, 0)
    assert subjects(dovecot, user) == MAILS
    assert any("fsync = off" in line for line in lines(handles, summary.outcomes[0].run_id))

    sync("on")
    assert fetched_well(handles).counts.acknowledged == 3
    assert subjects(dovecot, user) == []
