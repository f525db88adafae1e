"""Virtual environments for peers that are Python programs: made when first needed, kept in the cache folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def interpreter_with(*packages: str) -> Path:
    """The interpreter of an environment that holds these packages, and none of ours.

    Raises:
        SystemExit: pip could not install them.
    """
    name = "-".join(package.partition("<")[0].partition("=")[0] for package in packages)
    place = _cache() / name
    python = place / "bin" / "python"
    complete = place / "complete"
    if complete.exists() and complete.read_text() == " ".join(packages):
        return python
    print(f"making an environment with {', '.join(packages)} in {place}", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
    if subprocess.run(pip, check=False).returncode:
        raise SystemExit(f"pip could not install {', '.join(packages)}. Leave them out with --without.")
    complete.write_text(" ".join(packages))
    return python


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "postroom-benchmarks"
