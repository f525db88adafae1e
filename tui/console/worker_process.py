"""Starting a worker that outlives the console."""

from __future__ import annotations

import os
import subprocess
import sys

from core.data_folder import opened_file
from core.environment import Environment
from core.errors import CannotWrite


def start_worker(environment: Environment) -> str:
    """Start `postroom --worker` in a session of its own, and say where it writes.

    Raises:
        CannotWrite: its log cannot be opened.
    """
    log = environment.home / "worker.log"
    variables = {
        **os.environ,
        "POSTROOM_HOME": str(environment.home),
        "POSTROOM_DATABASE_URL": environment.database_url,
        "POSTROOM_DROP": str(environment.drop),
        "POSTROOM_SCRIPTS": str(environment.scripts),
    }
    if environment.key_setting:
        variables["POSTROOM_KEY_FILE"] = environment.key_setting
    try:
        # 0600: what a worker logs names people's mail.
        handle = opened_file(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    except OSError as error:
        raise CannotWrite(f"The worker's log {log} cannot be written: {error.strerror}.") from error
    try:
        process = subprocess.Popen(
            # -P: modules are not looked for in the folder in which the console was opened, which may be anybody's.
            [sys.executable, "-P", "-m", "tui.cli", "--worker"],
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=handle,
            start_new_session=True,
            env=variables,
        )
    finally:
        os.close(handle)
    return f"Started a worker, process {process.pid}. It goes on when the console is left; its log is {log}."
