"""One pass over the outbox in a process of its own, to be killed: `python -m tests.crash.sending_process HOME [URL]`."""

import sys

from core.environment import read_environment
from core.gateway import open_gateway
from core.outbound.deliver import deliver_due
from core.protocols.server import Timeouts


def main() -> None:
    home, *url = sys.argv[1:]
    handles = open_gateway(read_environment({}, home=home, database_url=url[0] if url else None))
    deliver_due(handles, timeouts=Timeouts(connect=5, login=5, command=5, settle=5))
    handles.close()


if __name__ == "__main__":
    main()
