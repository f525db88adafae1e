"""What cannot be processed, or not be stored as it is: quarantined with its bytes, and the rest goes on."""

from typing import Any

import pytest

from core.db import bulk
from core.errors import StoreRefused
from core.handles import Handles
from core.inbound.batch import rows
from core.inbound.decisions import judging
from core.models import Message, Quarantine, RawMessage
from tests.accounts import add_account, at, fetched_well, message, raws, records, rows_of, run_row, stored
from tests.corpus.nasty import BUILT, small_messages
from tests.servers.dovecot import DovecotServer


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
    assert [one.subject for one in rows_of(handles, Message, "id")] == ["Message 1", "Message poison", "Message 2"]
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
