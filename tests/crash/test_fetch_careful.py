"""A message that kills whoever reads it is quarantined, and the rest of its account goes on."""

import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.environment import Environment
from core.errors import StoreError
from core.gateway import open_gateway
from core.handles import Handles
from core.inbound.decisions import judging
from core.inbound.run import alone, careful, halting
from core.inbound.run.fetch import fetch_account
from core.inbound.server import hanging
from core.models import Quarantine, Suspect
from core.workers import alone as alone_process
from tests.accounts import (
    ON_SQLITE,
    add_account,
    at,
    change_account,
    claim_account,
    expire_leases,
    fetch,
    fetched_well,
    message,
    raws,
    rows_of,
    stored,
)
from tests.crash.fetching_process import FetchingProcess
from tests.servers.dovecot import DovecotServer
from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[2]

STARTUP = """
import core.inbound.decisions.judging as judging

summarise = judging.summarise

def deadly(raw):
    if b"deadly" in raw:
        {death}
    return summarise(raw)

judging.summarise = deadly
"""

EXITS = "import os; os._exit(7)"
HANGS = "import threading; threading.Event().wait()"


def startup(folder: Path, death: str) -> dict[str, str]:
    """Variables that make every Python process die of a message with the word in it."""
    (folder / "sitecustomize.py").write_text(STARTUP.format(death=death))
    return {"PYTHONPATH": f"{folder}:{ROOT}"}


@pytest.mark.parametrize(
    ("home", "kind", "after", "position"),
    [("sqlite", "IMAP", "delete", 1), ("sqlite", "POP3", "delete", 9), ("postgresql", "IMAP", "keep", 9)],
    indirect=["home"],
)
def test_a_deadly_message_is_quarantined_after_three_deaths(
    handles: Handles, home: Environment, dovecot: DovecotServer, tmp_path: Path, kind: str, after: str, position: int
) -> None:
    user = dovecot.fresh_user()
    mails = [message(number) for number in range(10)]
    mails[position] = message("deadly")
    dovecot.deliver(user, mails)
    add_account(handles, after_fetch=after, **at(dovecot, user, kind))
    variables = startup(tmp_path, "import os; os.kill(os.getpid(), 9)")
    process = FetchingProcess(home, variables=variables)

    codes = []
    while (code := process.run()) != 0 and len(codes) < 6:
        codes.append(code)
        expire_leases(handles)

    assert code == 0
    assert set(codes) == {-9}
    assert sorted(raws(handles)) == sorted(mails)
    assert {one.state for one in stored(handles) if one.raw != message("deadly")} == {"recorded"}
    (row,) = rows_of(handles, Quarantine, "message_id")
    assert "died 3 times" in row.reason
    assert [mail.raw for mail in dovecot.mails(user)] == (mails if after == "keep" else [])
    assert rows_of(handles, Suspect, "uid") == []
    assert fetched_well(handles).counts.fetched == 0


@ON_SQLITE
def test_a_deadly_message_that_was_too_large_before_is_quarantined_too(
    handles: Handles, dovecot: DovecotServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message("deadly", body="x" * 5000), message(1)])
    account = add_account(handles, max_size=3000, **at(dovecot, user))
    fetched_well(handles)
    change_account(handles, account, max_size=1 << 20)
    assert claim_account(handles, account) is not None  # a run that it has killed
    expire_leases(handles)
    for name, value in startup(tmp_path, EXITS).items():
        monkeypatch.setenv(name, value)
    assert fetched_well(handles).counts.quarantined == 1
    assert sorted(one.state for one in stored(handles)) == ["quarantined", "recorded"]


def left_by_a_dead_run(handles: Handles, server: DovecotServer, mails: list[bytes]) -> None:
    """An account whose last run died before it had stored anything."""
    user = server.fresh_user()
    server.deliver(user, mails)
    account = add_account(handles, after_fetch="delete", **at(server, user))
    assert claim_account(handles, account) is not None
    expire_leases(handles)


@ON_SQLITE
def test_what_is_gone_from_the_server_is_suspect_no_longer(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(1), message(2)])
    account = add_account(handles, **at(dovecot, user))
    (one, other) = (Suspect(account_id=account, epoch=1, folder="INBOX", uidvalidity=7, uid=uid) for uid in (1, 2))
    handles.database.writing(lambda session: session.add_all([one, other]))
    assert fetched_well(handles).counts.records == 2
    assert rows_of(handles, Suspect, "uid") == []


@ON_SQLITE
def test_a_message_over_which_the_process_hangs_is_quarantined(
    handles: Handles, dovecot: DovecotServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mails = [message(1), message("deadly"), message(2)]
    left_by_a_dead_run(handles, dovecot, mails)
    for name, value in startup(tmp_path, HANGS).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(alone, "ALONE_SECONDS", 1.0)
    summary = fetched_well(handles)
    assert (summary.counts.records, summary.counts.quarantined) == (2, 1)
    assert raws(handles) == [message(1), message(2), message("deadly")]


@ON_SQLITE
@pytest.mark.parametrize("is_stopped", [False, True])
def test_judging_that_hangs_ends_the_run_and_the_next_takes_one_message_at_a_time(
    handles: Handles, dovecot: DovecotServer, monkeypatch: pytest.MonkeyPatch, is_stopped: bool
) -> None:
    never, judge, stop = threading.Event(), judging.judge, threading.Event()

    def hang(facts: Any, rules: Any) -> Any:
        if "deadly" in facts.summary.subject:
            if is_stopped:
                stop.set()
            never.wait(PATIENCE)
        return judge(facts, rules)

    mails = [message(1), message("deadly"), message(2)]
    user = dovecot.fresh_user()
    dovecot.deliver(user, mails)
    account = add_account(handles, after_fetch="delete", **at(dovecot, user))
    monkeypatch.setattr(judging, "judge", hang)
    monkeypatch.setattr(halting, "PATIENCE", 0.0)
    monkeypatch.setattr(hanging, "LONGEST_AT_END", 0.1)
    if not is_stopped:
        monkeypatch.setattr(hanging, "LONGEST", 0.1)
    claimed = claim_account(handles, account)
    outcome = fetch_account(handles, claimed, stop=stop)
    assert outcome.state == "aborted"
    assert "a message took longer than 0 s: " in outcome.error
    assert "threading.py" in outcome.error
    monkeypatch.undo()
    assert fetched_well(handles).counts.records == 3
    assert sorted(raws(handles)) == sorted(mails)
    never.set()


@ON_SQLITE
def test_what_kills_over_every_message_is_no_messages_fault_and_stops_the_run(
    handles: Handles, dovecot: DovecotServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mails = [message(number, body="deadly") for number in range(5)]
    left_by_a_dead_run(handles, dovecot, mails)
    monkeypatch.setattr(careful, "MOST_DEATHS", 1)
    monkeypatch.setattr(careful, "MOST_IN_A_ROW", 2)
    for name, value in startup(tmp_path, EXITS).items():
        monkeypatch.setenv(name, value)
    outcome = fetch(handles).outcomes[0]
    assert (outcome.state, outcome.fault, outcome.counts.quarantined) == ("failed", "passing", 2)
    assert "2 messages in a row" in outcome.error
    assert "exit code 7" in outcome.error
    assert len(rows_of(handles, Suspect, "uid")) == 3
    # Mended: the rest comes in, still one at a time.
    monkeypatch.delenv("PYTHONPATH")
    assert fetched_well(handles).counts.records == 3
    assert sorted(raws(handles)) == sorted(mails)


FIVE = ["exit code 1"] * 5


@pytest.mark.parametrize(
    ("deaths", "expected"),
    [
        (FIVE, True),
        ([*FIVE, "signal 9"], False),
        (["signal 9", *FIVE], True),
        (FIVE[:4], False),
        ([*FIVE[:2], "signal 9", *FIVE[:2]], False),
    ],
)
def test_when_it_is_no_longer_the_messages(deaths: list[str], expected: bool) -> None:
    assert careful.is_a_fault_of_ours(deaths) is expected


@ON_SQLITE
def test_deaths_before_count_and_two_are_not_enough(
    handles: Handles, dovecot: DovecotServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_by_a_dead_run(handles, dovecot, [message("deadly")])
    monkeypatch.setattr(careful, "MOST_DEATHS", 2)
    for name, value in startup(tmp_path, EXITS).items():
        monkeypatch.setenv(name, value)

    class Interrupted(Exception):
        pass

    def interrupted(*_: object) -> None:
        raise Interrupted

    # The run that tried it twice ends before it quarantines it; then the program is mended.
    with monkeypatch.context() as patched:
        patched.setattr(careful, "unparsed", interrupted)
        fetch(handles)
    assert rows_of(handles, Suspect, "uid")[0].deaths == 2
    monkeypatch.setattr(careful, "MOST_DEATHS", 3)
    monkeypatch.delenv("PYTHONPATH")
    fetched_well(handles)
    assert [one.state for one in stored(handles)] == ["recorded"]


@ON_SQLITE
def test_a_process_that_does_not_start_is_no_messages_death(
    handles: Handles, dovecot: DovecotServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_by_a_dead_run(handles, dovecot, [message(1)])
    monkeypatch.setattr(alone, "PYTHON", ("/bin/false",))
    outcome = fetch(handles).outcomes[0]
    assert (outcome.state, outcome.fault) == ("failed", "passing")
    assert "does not start" in outcome.error
    assert rows_of(handles, Suspect, "uid")[0].deaths == 0
    monkeypatch.undo()
    fetched_well(handles)
    assert raws(handles) == [message(1)]


@ON_SQLITE
def test_a_database_that_fails_there_is_no_messages_death(
    handles: Handles, dovecot: DovecotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_by_a_dead_run(handles, dovecot, [message(1)])

    def full(*_: object) -> None:
        raise StoreError("The disk is full.")

    monkeypatch.setattr(alone.Alone, "take", full)
    assert fetch(handles).outcomes[0].fault == "passing"
    assert rows_of(handles, Suspect, "uid")[0].deaths == 0


@ON_SQLITE
def test_only_so_many_processes_run_at_once(handles: Handles, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a power cut every account that was being fetched wants one."""
    room = threading.BoundedSemaphore(1)
    monkeypatch.setattr(alone, "_room", room)
    one = alone.Alone(handles, SimpleNamespace(), SimpleNamespace())  # type: ignore[arg-type]

    one.start()
    assert not room.acquire(blocking=False)
    one.close()
    assert room.acquire(blocking=False)
    room.release()

    monkeypatch.setattr(alone, "PYTHON", ("/bin/false",))
    with pytest.raises(StoreError, match="does not start"):
        one.start()
    monkeypatch.setattr(alone, "PYTHON", ("/nowhere",))
    with pytest.raises(FileNotFoundError):
        one.start()
    assert room.acquire(blocking=False)


class Gone(io.BytesIO):
    """What an answer is written to when nobody reads it any more."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = 0

    def flush(self) -> None:
        self.answers += 1
        if self.answers > 1:  # it was told that all is ready
            raise BrokenPipeError


def test_a_process_whose_worker_is_gone_ends_without_a_word(environment: Environment) -> None:
    open_gateway(environment).close()
    variables = {**os.environ, "POSTROOM_HOME": str(environment.home)}
    process = subprocess.Popen(
        [sys.executable, "-m", "core.workers.alone"], cwd=ROOT, env=variables,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None

    assert process.communicate(timeout=PATIENCE)[1] == b""
    assert process.returncode == 0


@ON_SQLITE
def test_who_is_killed_while_a_message_is_taken_alone_was_not_killed_by_it(
    handles: Handles, dovecot: DovecotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_by_a_dead_run(handles, dovecot, [message(1)])
    given = io.BytesIO()
    monkeypatch.setattr(alone, "_send", lambda _, order, raw: given.write(json.dumps(order).encode() + b"\n" + raw))
    monkeypatch.setattr(alone.Alone, "start", lambda _: SimpleNamespace(stdin=io.BytesIO(), stdout=io.BytesIO()))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(alone, "_answer", killed)
    with pytest.raises(KeyboardInterrupt):
        fetch(handles)
    assert rows_of(handles, Suspect, "uid")[0].deaths == 1

    monkeypatch.setattr(alone_process, "limit_myself", lambda: None)
    monkeypatch.setattr(alone_process, "open_gateway", lambda _: open_gateway(handles.environment))
    given.seek(0)
    alone_process.main(given, Gone())

    assert rows_of(handles, Suspect, "uid")[0].deaths == 0
