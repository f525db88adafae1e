"""Careful mode: what a dead run had in hand is taken one message at a time, in a process of its own.

A message that kills whoever reads it must not stop an account. Only a death alone in that process counts; after the
third the message is quarantined without having been parsed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, field
from typing import IO, Any

from sqlalchemy import delete, select, update
from sqlmodel import Session

from core import clock, failpoints
from core.db import bulk
from core.db.bulk import table_of
from core.environment import Environment
from core.errors import LeaseLost, StoreError
from core.handles import Handles
from core.inbound.due import Claimed
from core.inbound.judging import Judged, unparsed
from core.inbound.marks import Pending, source_of
from core.inbound.reading import BATCH_MESSAGES, Line
from core.models import Account, Suspect
from core.protocols.source import Fetched, Key
from core.runlog import RunLog

MOST_DEATHS = 3
ALONE_SECONDS = 60.0
"""How long the process may take over one message."""
START_SECONDS = 60.0
"""How long it may take to be ready for the first one; that is no message's fault."""
ALONE_MEMORY = 3 << 30
"""Bytes of address space it may use."""

_suspect = table_of(Suspect)


def suspects_among(handles: Handles, claimed: Claimed, due: Sequence[Key]) -> list[Key]:
    """The keys to be taken carefully: those noted before and, after a death, the first batch of what is due."""
    account = claimed.account
    if claimed.took_over and due:
        rows = [{**source_of(account, key), "deaths": 0} for key in due[:BATCH_MESSAGES]]
        handles.database.writing(lambda session: bulk.insert_missing(session, Suspect, rows))
    with handles.database.reading() as session:
        ours = (_suspect.c.account_id == account.id) & (_suspect.c.epoch == account.epoch)
        noted = {
            Key(row.folder, row.uidvalidity, row.uid, row.uidl)
            for row in session.connection().execute(select(_suspect).where(ours))
        }
    return [key for key in due if key in noted] if noted else []


def deaths_of(handles: Handles, account: Account, key: Key) -> int:
    """How often the process died with this message."""
    with handles.database.reading() as session:
        return session.connection().execute(select(_suspect.c.deaths).where(_this(account, key))).scalar() or 0


def take_back_attempt(handles: Handles, account: Account, key: Key) -> None:
    """The attempt failed, and not of the message."""

    def count(session: Session) -> None:
        session.connection().execute(update(_suspect).where(_this(account, key)).values(deaths=_suspect.c.deaths - 1))

    handles.database.writing(count)


def mark_attempt(handles: Handles, account: Account, key: Key) -> None:
    """Count an attempt before it is made; a message that settles is forgotten with its count."""

    def count(session: Session) -> None:
        session.connection().execute(update(_suspect).where(_this(account, key)).values(deaths=_suspect.c.deaths + 1))

    handles.database.writing(count)


def acquit(handles: Handles, account: Account, key: Key) -> None:
    """The message is settled: it is no longer suspect."""
    handles.database.writing(lambda session: session.connection().execute(delete(_suspect).where(_this(account, key))))


@dataclass
class Alone:
    """The process that takes messages one by one; started anew after each death."""

    handles: Handles
    claimed: Claimed
    log: RunLog
    _process: subprocess.Popen[bytes] | None = None

    def take(self, fetched: Fetched, stored_as: Key) -> list[Pending] | None:
        """Hand one message over; gives back what is to be acknowledged, or `None` if the process died of it.

        Raises:
            LeaseLost: another worker has taken over.
            StoreError: the database did not take it, or the process does not start; no message is to blame.
        """
        self.log.flush(at_once=True)
        process = self.start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            _send(process.stdin, _order(self.claimed, fetched, stored_as), fetched.raw or b"")
            answer = _answer(process, ALONE_SECONDS)
        except BrokenPipeError:
            answer = None
        self.log.resume()
        if answer is None:
            self.close()
            return None
        if (failure := answer.get("failure")) is not None:
            raise LeaseLost(failure) if answer["is_lease_lost"] else StoreError(failure)
        return [Pending(one["id"], Key(*one["key"]), one["after_fetch"], one["move_to"]) for one in answer["pending"]]

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            with contextlib.suppress(OSError):
                self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
            self._process = None

    def start(self) -> subprocess.Popen[bytes]:
        """See to it that there is a process, ready for a message.

        Raises:
            StoreError: it does not start; no message is to blame.
        """
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "core.workers.alone"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=_child_environment(self.handles.environment),
            )
            if _answer(self._process, START_SECONDS) is None:
                self.close()
                raise StoreError("The process that takes messages one at a time does not start.")
        return self._process


def limit_myself() -> None:
    """Bound the memory of this process: a message that needs more kills it, not the machine."""
    resource.setrlimit(resource.RLIMIT_AS, (ALONE_MEMORY, ALONE_MEMORY))


@dataclass
class TakenCarefully:
    """What became of suspects."""

    pending: list[Pending] = field(default_factory=list)
    """To be acknowledged."""
    deadly: list[Judged] = field(default_factory=list)
    """To be quarantined unparsed: the process died of each of them, every time."""
    others: list[Key] = field(default_factory=list)
    """For the usual path: too large, gone, or not given."""


def take_suspects(
    handles: Handles,
    claimed: Claimed,
    line: Line,
    log: RunLog,
    suspects: Sequence[Key],
    *,
    name: Callable[[Key, str], Key],
) -> TakenCarefully:
    """Take suspects one by one; `name` says what key one is stored under, from its own and its SHA-256."""
    account = claimed.account
    taken = TakenCarefully()
    alone = Alone(handles, claimed, log)
    sizes = line.ask(line.source.sizes, suspects)
    try:
        for key in suspects:
            fetched = (
                line.ask(line.source.fetch, [key])[0]
                if sizes.get(key, account.max_size + 1) <= account.max_size
                else None
            )
            if fetched is None or fetched.raw is None:
                taken.others.append(key)
                acquit(handles, account, key)
                continue
            stored_as = name(key, hashlib.sha256(fetched.raw).hexdigest())
            pending = _until_settled(handles, account, alone, fetched, stored_as)
            if pending is None:
                reason = f"the process that took it died {MOST_DEATHS} times"
                taken.deadly.append(unparsed(fetched, clock.utcnow(), reason, stored_as=stored_as))
            else:
                taken.pending += pending
                acquit(handles, account, key)
    finally:
        alone.close()
    return taken


def _until_settled(
    handles: Handles, account: Account, alone: Alone, fetched: Fetched, stored_as: Key
) -> list[Pending] | None:
    while deaths_of(handles, account, fetched.key) < MOST_DEATHS:
        # Before the attempt is counted: who is killed while it starts was not killed by the message.
        alone.start()
        mark_attempt(handles, account, fetched.key)
        try:
            pending = alone.take(fetched, stored_as)
        except (LeaseLost, StoreError):
            take_back_attempt(handles, account, fetched.key)
            raise
        if pending is not None:
            return pending
    return None


def _order(claimed: Claimed, fetched: Fetched, stored_as: Key) -> dict[str, Any]:
    return {
        "account_id": claimed.account.id,
        "run_id": claimed.run_id,
        "owner": claimed.lease.owner,
        "fence": claimed.lease.fence,
        "key": list(astuple(fetched.key)),
        "stored_as": list(astuple(stored_as)),
        "size": fetched.size,
        "internal_date": fetched.internal_date.isoformat() if fetched.internal_date else None,
        "raw_bytes": len(fetched.raw or b""),
    }


def _send(pipe: IO[bytes], order: dict[str, Any], raw: bytes) -> None:
    pipe.write(json.dumps(order).encode() + b"\n" + raw)
    pipe.flush()


def _answer(process: subprocess.Popen[bytes], seconds: float) -> dict[str, Any] | None:
    import select as waiting

    deadline = clock.Deadline(seconds)
    assert process.stdout is not None
    ready, _, _ = waiting.select([process.stdout], [], [], deadline.remaining())
    line = process.stdout.readline() if ready else b""
    if not line.endswith(b"\n"):
        return None
    answer: dict[str, Any] = json.loads(line)
    return answer


def _child_environment(environment: Environment) -> dict[str, str]:
    ours = {
        "POSTROOM_HOME": str(environment.home),
        "POSTROOM_DATABASE_URL": environment.database_url,
        "POSTROOM_DROP": str(environment.drop),
    }
    if environment.key_setting:
        ours["POSTROOM_KEY_FILE"] = environment.key_setting
    # What a test has armed is meant for the process it started, not for its children.
    inherited = {name: value for name, value in os.environ.items() if name != failpoints.VARIABLE}
    return {**inherited, **ours}


def _this(account: Account, key: Key) -> Any:
    conditions = [_suspect.c[name] == value for name, value in source_of(account, key).items()]
    first, *others = conditions
    for condition in others:
        first &= condition
    return first
