"""A fetch in a process of its own, that may be killed; forked from one that has imported everything."""

import multiprocessing
import os
import runpy
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.environment import Environment

WITHIN = 60.0
"""Seconds that one fetch may take here."""

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tui.cli.commands", "tui.cli.fetching", "core.workers.fetcher", "core.gateway"])


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
        variables = {**self.variables, "POSTROOM_FAILPOINT": failpoints}
        with tempfile.NamedTemporaryFile() as complaints:
            process = _CONTEXT.Process(
                target=_child,
                args=(
                    str(self.environment.home),
                    self.environment.database_url,
                    self.batch,
                    variables,
                    complaints.name,
                ),
            )
            process.start()
            process.join(WITHIN if kill_after is None else kill_after)
            is_late = process.exitcode is None
            if is_late:
                process.kill()
                process.join()
            code = process.exitcode
            process.close()
            said = Path(complaints.name).read_text()
        assert code is not None
        assert not is_late or kill_after is not None, f"the fetch took over {WITHIN} s: {said}"
        assert code in {0, 75, -9}, said
        return code


def _child(home: str, url: str, batch: int, variables: dict[str, str], complaints: str) -> None:
    descriptor = os.open(complaints, os.O_WRONLY)
    os.dup2(descriptor, 2)
    os.environ.update(variables)
    from core import failpoints
    from core.environment import read_environment
    from core.gateway import open_gateway
    from core.inbound import careful, reading
    from core.workers.fetcher import fetch_now

    failpoints._armed = None
    reading.BATCH_MESSAGES = careful.BATCH_MESSAGES = batch
    for folder in variables.get("PYTHONPATH", "").split(os.pathsep):
        if (startup := Path(folder) / "sitecustomize.py").exists():
            # Python runs it by itself in processes that are started, not in those that are forked.
            runpy.run_path(str(startup))
    handles = open_gateway(read_environment({}, home=home, database_url=url))
    summary = fetch_now(handles, None)
    handles.close()
    sys.exit(summary.exit_code)
