"""Where a first run begins, and where a run ends before all is fetched."""

from datetime import UTC, datetime, timedelta

import pytest

from core import clock
from core.handles import Handles
from tests.accounts import (
    ON_SQLITE,
    add_account,
    at,
    fetch,
    fetch_once,
    fetched_well,
    lines,
    message,
    raws,
    run_row,
    status_of,
    stored,
)
from tests.fakes.holding import holding
from tests.fakes.imap import ScriptedImap
from tests.fakes.steps import Command, Reply
from tests.servers.dovecot import DovecotServer


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
        # SINCE leaves zones aside (RFC 3501 §6.4.4): which day it is, Dovecot says by its own, which is this machine's.
        offset = f"{datetime(2026, 3, int(day), 12, tzinfo=UTC).astimezone():%z}"
        dovecot.append(user, message(day), internal_date=f'"{day}-Mar-2026 12:00:00 {offset}"')
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


def test_a_fake_count_of_messages_stops_no_run(handles: Handles) -> None:
    said = ["* 4294967295 EXISTS", "* OK [UIDVALIDITY 1] valid", "* OK [UIDNEXT 2] next", "$tag OK [READ-ONLY] done"]
    with ScriptedImap(holding({1: message(1)}, {"EXAMINE": said})) as server:
        add_account(handles, port=server.port)
        outcome = fetch_once(handles, "a")
    assert (outcome.state, outcome.counts.fetched) == ("ok", 1)
    assert run_row(handles, outcome.run_id).skipped == 2**31 - 1  # what PostgreSQL holds


@pytest.mark.parametrize("numbering", [1713632002544, 10**18 - 1])  # what Dynadot and GreenMail give: milliseconds
def test_a_numbering_beyond_32_bits_is_one_like_any_other(handles: Handles, numbering: int) -> None:
    selected = ["* 1 EXISTS", f"* OK [UIDVALIDITY {numbering}] v", "* OK [UIDNEXT 2] n", "$tag OK [READ-WRITE] done"]
    mails = {1: message(1)}
    with ScriptedImap(holding(mails, {"SELECT": selected, "EXAMINE": selected})) as server:
        add_account(handles, port=server.port, after_fetch="delete")
        first = fetch_once(handles, "a")
        again = fetch_once(handles, "a")

    assert [(run.state, run.counts.fetched) for run in (first, again)] == [("ok", 1), ("ok", 0)]
    assert not any("UIDVALIDITY changed" in line for line in lines(handles, again.run_id))
    assert [one.is_acknowledged for one in stored(handles)] == [True]
    assert mails == {}


@ON_SQLITE
@pytest.mark.parametrize("flags", ["", "FLAGS () "])  # with them a parser reads it
@pytest.mark.parametrize("date", ["01-Jan-0001 00:00:00 +0100", "31-Dec-9999 23:00:00 -0200"])
def test_a_date_at_the_ends_of_time_is_none(handles: Handles, date: str, flags: str) -> None:
    raw = message(1)
    dated = f'* 1 FETCH (UID 1 {flags}INTERNALDATE "{date}" BODY[] {{{len(raw)}}}\r\n'.encode()
    script = holding({1: raw})
    bodies = script["UID FETCH"]

    def fetch_with_date(command: Command) -> Reply:
        return [dated + raw + b")\r\n", "$tag OK done"] if "BODY.PEEK" in command.text else bodies(command)

    with ScriptedImap({**script, "UID FETCH": fetch_with_date}) as server:
        add_account(handles, port=server.port)
        outcome = fetch_once(handles, "a")

    assert (outcome.state, outcome.counts.records) == ("ok", 1)


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
