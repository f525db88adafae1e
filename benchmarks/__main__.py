"""The benchmarks that compare: fetching beside mbsync, sending beside smtplib; `benchmarks.idling` is apart."""

from __future__ import annotations

import subprocess
import sys

for name in ("fetching", "sending"):
    print(f"== {name}", flush=True)
    subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)
