"""Many messages are judged in a process of its own: with the same result, and what ends that process ends no run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from core import clock
from core.db.bulk import table_of
from core.handles import Handles
from core.inbound import careful, judging_process, rules
from core.inbound.record_types.ticket import Ticket
from core.models import Filter, Message, Quarantine, Record, Suspect
from tests.accounts import ON_SQLITE, add_account, at, fetched_well, message, raws, rows_of
from tests.corpus.generate import mixed_messages
from tests.crash.test_fetch_careful import EXITS, HANGS, ROOT, startup
from tests.servers.dovecot import DovecotServer
from tests.waiting import is_running, until

NASTY = sorted((Path(__file__).parents[1] / "corpus" / "nasty").glob("*"))[:80]
BOUNCES = sorted((Path(__file__).parents[1] / "corpus" / "bounces").glob("*"))[:20]


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few they are, from the first one on, on however small a machine."""
    monkeypatch.setattr(judging_process, "WORTH_IT", 1)
    monkeypatch.setattr(judging_process, "JUDGES_MEANWHILE", False)
    monkeypatch.setattr(judging_process.os, "cpu_count", lambda: 2)


def taken(handles: Handles, account: int) -> list[tuple[object, ...]]:
    """What became of an account's messages, without the numbers that differ from run to run."""
    messages, records = table_of(Message), table_of(Record)
    statement = (
        select(messages, records.c.title, records.c.state.label("stands"), records.c.fields)
        .outerjoin(records, records.c.id == messages.c.record_id)
        .where(messages.c.account_id == account)
        .order_by(messages.c.uid)
    )
    with handles.database.reading() as session:
        return [
            (row.uid, row.state, row.sha256, row.message_id, row.subject, row.header_from, row.from_address, row.date,
             re.sub(r"\d{12,}", "NUMBER", str(row.trail)), row.title, row.stands, row.fields)
            for row in session.connection().execute(statement)
        ]  # fmt: skip


@ON_SQLITE
def test_what_is_decided_is_the_same_here_and_in_a_process_of_its_own(
    handles: Handles, dovecot: DovecotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.utcnow()
    match = [{"header": "Body", "regex": "quick brown"}, {"header": "Subject", "regex": "nobody", "negate": True}]
    mark = Filter(name="1", match=match, set={"X-OTOBO-Priority": "5 very high"}, created_at=now, updated_at=now)
    handles.database.writing(lambda session: session.add(mark))
    controlled = message("c", "X-OTOBO-State: closed successful", "X-OTOBO-Queue: nowhere", "X-OTOBO-Ignore: ")
    mails = [*mixed_messages(40), *(path.read_bytes() for path in (*NASTY, *BOUNCES)), controlled]
    user = dovecot.fresh_user()
    dovecot.deliver(user, mails)
    first = add_account(handles, name="apart", trusted=True, record_type="Grievance", **at(dovecot, user))
    fetched_well(handles, "apart")
    monkeypatch.setattr(judging_process, "WORTH_IT", 10_000)
    second = add_account(handles, name="here", trusted=True, record_type="Grievance", **at(dovecot, user))
    fetched_well(handles, "here")

    assert taken(handles, first) == taken(handles, second)
    assert len(taken(handles, first)) == len(mails)


@ON_SQLITE
@pytest.mark.parametrize("death", [EXITS, HANGS])
def test_a_message_that_ends_the_process_is_quarantined_and_the_run_goes_on(
    handles: Handles, dovecot: DovecotServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, death: str
) -> None:
    monkeypatch.setattr(judging_process, "JUDGE_SECONDS", 4.0)
    monkeypatch.setattr(careful, "ALONE_SECONDS", 1.0)
    monkeypatch.setattr(careful, "MOST_DEATHS", 1)
    monkeypatch.setattr("core.inbound.reading.BATCH_MESSAGES", 4)
    for name, value in startup(tmp_path, death).items():
        monkeypatch.setenv(name, value)
    mails = [message(number) for number in range(12)]
    mails[5] = message("deadly")
    user = dovecot.fresh_user()
    dovecot.deliver(user, mails)
    add_account(handles, after_fetch="delete", **at(dovecot, user))

    summary = fetched_well(handles)

    assert (summary.counts.records, summary.counts.quarantined) == (11, 1)
    assert sorted(raws(handles)) == sorted(mails)
    assert "died" in rows_of(handles, Quarantine, "message_id")[0].reason
    assert rows_of(handles, Suspect, "uid") == []
    assert dovecot.mails(user) == []


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    program = tmp_path / "killed.py"
    program.write_text(
        "import os\n"
        "from core.inbound.facts import Rules\n"
        "from core.inbound.judging_process import JudgingProcess\n"
        "if __name__ == '__main__':\n"
        "    process = JudgingProcess(Rules('Raw', {}), lambda judged: judged)\n"
        "    print(process.order([])(), *process._pool._processes, flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run(
        [sys.executable, str(program)], env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    )
    judged, number = ended.stdout.split()
    assert (judged, ended.returncode) == ("()", -9)
    until(lambda: not is_running(int(number)))


@ON_SQLITE
@pytest.mark.parametrize("start", [HANGS, EXITS])
def test_until_it_has_started_messages_are_judged_here(
    handles: Handles, dovecot: DovecotServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str
) -> None:
    monkeypatch.setattr(judging_process, "JUDGES_MEANWHILE", True)
    monkeypatch.setattr("core.inbound.reading.BATCH_MESSAGES", 2)
    # It never gets as far as judging.
    (tmp_path / "sitecustomize.py").write_text(start)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(number) for number in range(7)])
    add_account(handles, **at(dovecot, user))
    assert fetched_well(handles).counts.records == 7


@ON_SQLITE
def test_a_record_type_that_cannot_be_sent_to_a_process_is_asked_here(
    handles: Handles, dovecot: DovecotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Local(Ticket):
        """Of a class that another process cannot find."""

    monkeypatch.setattr(rules.record_types, "get", lambda _: Local())
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(1)])
    add_account(handles, **at(dovecot, user))
    assert fetched_well(handles).counts.records == 1
