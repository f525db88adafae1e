"""The process of careful mode, from outside: handed one message after another, started anew when one has ended it."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import subprocess
import sys
import threading
from dataclasses import astuple, dataclass
from typing import IO, Any

from core import clock, failpoints
from core.environment import Environment
from core.errors import LeaseLost, StoreError
from core.handles import Handles
from core.inbound.due import Claimed
from core.inbound.marks import Pending
from core.protocols.source import Fetched, Key
from core.runlog import RunLog

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

PYTHON = (sys.executable, "-P", "-m")
"""Begins the command of such a process. Not `-m` alone: that takes modules from the folder in which somebody happens to
stand first, and in /tmp everybody may put a `json.py`."""

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
                [*PYTHON, "core.workers.alone"],
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
    deadline = clock.Deadline(seconds)
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], deadline.remaining())
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
    return ended_with(code)


def ended_with(code: int) -> str:
    """The return code of a process that ended over a message, in words."""
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
