"""A sender as `benchmarks.sending` runs it: `python -m benchmarks.sending_process COURIERS`.

Home and database are told by the environment. Prints "ready" when all is imported and open, sends what is due once a
line comes in, and prints what that came to.
"""

from __future__ import annotations

import json
import sys
import time

from core.environment import read_environment
from core.gateway import open_gateway
from core.outbound.sending.deliver import deliver_due
from core.workers.collector import spare_the_collector


def main() -> None:
    handles = open_gateway(read_environment())
    spare_the_collector()
    print("ready", flush=True)
    while sys.stdin.readline():
        cpu = time.process_time()
        summary = deliver_due(handles, couriers=int(sys.argv[1]))
        print(json.dumps({**summary.as_dict(), "cpu": time.process_time() - cpu}), flush=True)
    handles.close()


if __name__ == "__main__":
    main()
