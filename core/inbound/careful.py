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
import threading
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, field
from typing import IO, Any

from core import clock, failpoints
from core.environment import Environment
from core.errors import LeaseLost, StoreError
from core.handles import Handles
from core.inbound.connection import Connection
from core.inbound.due import Claimed
from core.inbound.judging import Judged, unparsed
from core.inbound.marks import Pending
from core.inbound.suspects import acquit, deaths_of, mark_attempt, take_back_attempt
from core.models import Account
from core.protocols.source import Fetched, Key
from core.runlog import RunLog

MOST_DEATHS = 3
DIED = "the process that took it died"
"""How the reason begins why such a message is in quarantine."""
MOST_IN_A_ROW = 5
"""After so many deadly messages in a row, each in the same way, the messages are no longer to blame."""
ALONE_SECONDS = 60.0
"""How long the process may take over one message."""
START_SECONDS = 60.0
"""How long it may take to be ready for the first one; that is no message's fault."""
DYING_SECONDS = 1.0
"""How long a process that closed its output takes to end."""
ALONE_MEMORY = 3 << 30
"""Bytes of address space it may use."""
AT_ONCE = 4
"""Such processes of one worker: after a power cut every account that was being fetched wants one, at 75 MB each."""

_room = threading.BoundedSemaphore(AT_ONCE)


@dataclass
class Alone:
    """The process that takes messages one by one; started anew after each death."""

    handles: Handles
    claimed: Claimed
    log: RunLog
    death: str = ""
    """How the process died last."""
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
            self.death = _death_of(process)
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
            _room.release()

    def start(self) -> subprocess.Popen[bytes]:
        """See to it that there is a process, ready for a message; it waits for one that others have at hand.

        Raises:
            StoreError: it does not start; no message is to blame.
        """
        if self._process is None:
            self._process = self._started()
            if _answer(self._process, START_SECONDS) is None:
                self.close()
                raise StoreError("The process that takes messages one at a time does not start.")
        return self._process

    def _started(self) -> subprocess.Popen[bytes]:
        _room.acquire()
        try:
            return subprocess.Popen(
                [sys.executable, "-m", "core.workers.alone"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=child_environment(self.handles.environment),
            )
        except BaseException:
            _room.release()
            raise


def limit_myself() -> None:
    """Bound the memory of this process: a message that needs more kills it, not the machine."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = ALONE_MEMORY if hard == resource.RLIM_INFINITY else min(hard, ALONE_MEMORY)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


@dataclass
class TakenCarefully:
    """What became of suspects."""

    pending: list[Pending] = field(default_factory=list)
    """To be acknowledged."""
    deadly: list[Judged] = field(default_factory=list)
    """To be quarantined unparsed: the process died of each of them, every time."""
    others: list[Key] = field(default_factory=list)
    """For the usual path: too large, gone, or not given."""
    stopped_by: str = ""
    """Why the rest was left alone: not the messages are deadly, something else is."""


def take_suspects(
    handles: Handles,
    claimed: Claimed,
    connection: Connection,
    log: RunLog,
    suspects: Sequence[Key],
    *,
    name: Callable[[Key, str], Key],
) -> TakenCarefully:
    """Take suspects one by one; `name` says what key one is stored under, from its own and its SHA-256."""
    account = claimed.account
    taken = TakenCarefully()
    alone = Alone(handles, claimed, log)
    deaths: list[str] = []
    sizes = connection.ask(connection.source.sizes, suspects)
    try:
        for key in suspects:
            fetched = (
                connection.ask(connection.source.fetch, [key])[0]
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
                reason = f"{DIED} {MOST_DEATHS} times"
                taken.deadly.append(unparsed(fetched, clock.utcnow(), reason, stored_as=stored_as))
                deaths.append(alone.death)
                if is_a_fault_of_ours(deaths):
                    taken.stopped_by = (
                        f"{MOST_IN_A_ROW} messages in a row ended the process that takes them alone ({alone.death}): "
                        "not they are to blame, but something in Postroom or beside it. They are in quarantine; the "
                        "rest waits on the server. The worker's log says more."
                    )
                    break
            else:
                taken.pending += pending
                deaths.clear()
                acquit(handles, account, key)
    finally:
        alone.close()
    return taken


def is_a_fault_of_ours(deaths: Sequence[str]) -> bool:
    """Whether the last deaths, each of a message of its own and none survived between, speak of something else.

    A message that kills stops nothing; what kills over every message would put a whole mailbox into quarantine.
    """
    last = deaths[-MOST_IN_A_ROW:]
    return len(last) == MOST_IN_A_ROW and len(set(last)) == 1


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


def _death_of(process: subprocess.Popen[bytes]) -> str:
    """How it died, in words; called when no answer came."""
    try:
        code = process.wait(timeout=DYING_SECONDS)
    except subprocess.TimeoutExpired:
        return f"no answer within {ALONE_SECONDS:.0f} s"
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def child_environment(environment: Environment) -> dict[str, str]:
    """The variables of a process that works on the same data."""
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
