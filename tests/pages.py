"""The pages of the documentation, and what stands on them to be tried."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.waiting import PATIENCE

_ROOT = Path(__file__).parents[1]
_DOCS = _ROOT / "docs"


def page(name: str) -> str:
    """A page's text."""
    return (_DOCS / f"{name}.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The blocks of a page that are in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def at_home_in(folder: Path) -> dict[str, str]:
    """An environment in which `postroom` is found and has a home of its own, below a folder."""
    command = folder / "bin" / "postroom"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m tui.cli "$@"\n')
    command.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("POSTROOM_", "PG"))}
    return {**kept, "PATH": f"{command.parent}:{os.environ['PATH']}", "POSTROOM_HOME": str(folder / "home")}


def run(script: str, variables: Mapping[str, str]) -> str:
    """Run what a page shows as its reader would; gives back all that was said."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=_ROOT, env=dict(variables), check=False, capture_output=True,
        text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, f"{script}: {done}"
    return done.stdout + done.stderr
