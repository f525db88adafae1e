"""The benchmarks that compare, with few rounds; `idling`, `fairness` and `enqueueing` are run by name."""

from __future__ import annotations

import subprocess
import sys

for name in ("fetching", "sending"):
    print(f"== {name}", flush=True)
    subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)
