"""The process of one retry: `python -m core.workers.retry_alone ID [QUEUE]` answers with a line of JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

from core.environment import read_environment
from core.errors import NotFound, PostroomError
from core.gateway import open_gateway
from core.inbound import quarantine
from core.inbound.run.alone import limit_myself


def main(message_id: int, queue: str) -> dict[str, Any]:
    """Take one message out of quarantine; gives back where it ended, or why not."""
    limit_myself()
    try:
        handles = open_gateway(read_environment())
        try:
            if queue:
                state = quarantine.release(handles, message_id, queue)
            else:
                state = quarantine.retry(handles, message_id)
            return {"state": state.value}
        finally:
            handles.close()
    except PostroomError as error:
        return {"failure": str(error), "is_not_found": isinstance(error, NotFound)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(int(sys.argv[1]), sys.argv[2])) + "\n")
