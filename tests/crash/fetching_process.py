"""A fetch in a process of its own, that may be killed."""

import os
import runpy
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from core.environment import Environment
from tests.forked import Forked
from tests.waiting import PATIENCE

KILLED = -9


@dataclass(frozen=True)
class FetchingProcess:
    """Fetches all accounts of a home, in small batches."""

    environment: Environment
    batch: int = 4
    """Messages in a batch; and as many are suspect after a death."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """For the environment of the process, and of those that it starts."""

    def run(self, failpoints: str = "", *, kill_after: float | None = None) -> int:
        """Its exit code, negative for the signal that ended it; `kill_after` so many seconds it is killed."""
        environment = self.environment
        variables = {**self.variables, "POSTROOM_FAILPOINT": failpoints}
        startup = variables.get("PYTHONPATH", "").split(os.pathsep)
        process = Forked(
            _child, str(environment.home), environment.database_url, self.batch, startup, variables=variables
        )
        if kill_after is not None:
            with suppress(TimeoutError):
                return _checked(*process.ended(kill_after))
            return KILLED
        return _checked(*process.ended(PATIENCE))


def _checked(code: int, said: str) -> int:
    assert code in {0, 75, KILLED}, said
    return code


def _child(home: str, url: str, batch: int, startup_folders: list[str]) -> None:
    from core.environment import read_environment
    from core.gateway import open_gateway
    from core.inbound.run import suspects
    from core.inbound.server import reading
    from core.workers.fetch_now import fetch_now

    reading.BATCH_MESSAGES = suspects.BATCH_MESSAGES = batch
    for folder in startup_folders:
        if (startup := Path(folder) / "sitecustomize.py").exists():
            # Python runs it by itself in processes that are started, not in those that are forked.
            runpy.run_path(str(startup))
    handles = open_gateway(read_environment({}, home=home, database_url=url))
    summary = fetch_now(handles, None)
    handles.close()
    sys.exit(summary.exit_code)
