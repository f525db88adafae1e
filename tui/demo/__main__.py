"""`make demo`: live in a terminal, else once and told in words; nothing of it is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from core.environment import Environment
from tui.cli.process.endings import complain, ended
from tui.cli.process.signals import leaving_in_order
from tui.demo.world import DemoWorld

_ENDS_WITHIN = 15.0


def main(argv: Sequence[str] | None = None) -> int:
    """Show the demo and give back its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    return ended(lambda: show_demo(once="--once" in words), words)


def show_demo(*, once: bool = False) -> int:
    """The demo world, in the console where there is a terminal for it."""
    has_terminal = sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    if has_terminal and not once:
        return _live()
    from tui.demo.once import run_once

    with leaving_in_order(), DemoWorld() as world:
        return run_once(world)


def _live() -> int:
    from tui.cli.console import open_console
    from tui.cli.words.options import Invocation
    from tui.demo.traffic import Traffic

    complain("starting mail servers for the demo …")
    with leaving_in_order(), DemoWorld() as world:
        world.deliver_samples()
        traffic = Traffic(world)
        with _worker(world.environment):
            traffic.start()
            try:
                return open_console(Invocation(world.environment), screen="live")
            finally:
                traffic.stop()


@contextmanager
def _worker(environment: Environment) -> Iterator[None]:
    """A headless worker beside the console, as in real life."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("POSTROOM_")}
    with (environment.home / "worker.log").open("wb") as log:
        # A session of its own: Ctrl+C in the terminal is not meant for it.
        process = subprocess.Popen(
            [sys.executable, "-m", "tui.cli", "--worker"],
            env={**variables, "POSTROOM_HOME": str(environment.home)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(_ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_ENDS_WITHIN)


if __name__ == "__main__":
    sys.exit(main())
