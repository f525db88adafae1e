"""The process of careful mode: `python -m core.workers.alone` takes one message after another from its input.

Each order is a line of JSON and the message's bytes; each answer a line of JSON. It works under its parent's lease.
"""

from __future__ import annotations

import json
import signal
import sys
from datetime import datetime
from typing import IO, Any

from core.db.leases import Lease
from core.environment import read_environment
from core.errors import LeaseLost, NotFound, PostroomError
from core.gateway import open_gateway
from core.handles import Handles
from core.inbound.batch.intake import Intake
from core.inbound.batch.rules import load_rules
from core.inbound.due import Claimed
from core.inbound.marks import load_mark
from core.inbound.run.alone import limit_myself
from core.inbound.run.suspects import take_back_attempt
from core.inbound.server.reading import Bulk
from core.models import Account, AccountStatus, FolderMark
from core.protocols.source import Fetched, Key
from core.runlog import RunLog


def take_one(handles: Handles, order: dict[str, Any], raw: bytes) -> dict[str, Any]:
    """Take one message in, in a transaction of its own; gives back what is to be acknowledged."""
    claimed = _claimed(handles, order)
    log = RunLog(handles, claimed.run_id, claimed.account.name)
    log.resume()
    moment = datetime.fromisoformat(order["internal_date"]) if order["internal_date"] else None
    fetched = Fetched(Key(*order["key"]), raw, order["size"], moment)
    mark = load_mark(handles, claimed.account, fetched.key.folder) or FolderMark(
        account_id=order["account_id"], epoch=claimed.account.epoch, folder=fetched.key.folder
    )
    intake = Intake(handles, claimed, load_rules(handles, claimed.account), log)
    judged = intake.judge(fetched, stored_as=Key(*order["stored_as"]))
    pending = intake.take_in(Bulk((judged,), (), (), (), fetched.key), mark, moves_mark=False)
    return {
        "pending": [
            {
                "id": one.id,
                "key": [one.key.folder, one.key.uidvalidity, one.key.uid, one.key.uidl],
                "after_fetch": one.after_fetch,
                "move_to": one.move_to,
            }
            for one in pending
        ]
    }


def main(orders: IO[bytes], answers: IO[bytes]) -> None:
    """Carry out orders until the input ends."""
    limit_myself()
    handles = open_gateway(read_environment())
    try:
        if not _say(answers, {"ready": True}):
            return
        while line := orders.readline():
            order = json.loads(line)
            answer = _answer(handles, order, orders.read(order["raw_bytes"]))
            if not _say(answers, answer):
                _acquit(handles, order)
                return
    finally:
        handles.close()


def _answer(handles: Handles, order: dict[str, Any], raw: bytes) -> dict[str, Any]:
    try:
        return take_one(handles, order, raw)
    except PostroomError as error:
        # The message is not to blame; what it is to blame for ends this process.
        return {"failure": str(error), "is_lease_lost": isinstance(error, LeaseLost)}


def _acquit(handles: Handles, order: dict[str, Any]) -> None:
    """Whoever asked was killed meanwhile, and not by this message: here it did no harm."""
    with handles.database.reading() as session:
        account = session.get(Account, order["account_id"])
    if account is not None:
        take_back_attempt(handles, account, Key(*order["key"]))


def _say(answers: IO[bytes], answer: dict[str, Any]) -> bool:
    """Whether whoever asked is still there to hear it."""
    try:
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()
    except BrokenPipeError:
        return False
    return True


def _claimed(handles: Handles, order: dict[str, Any]) -> Claimed:
    with handles.database.reading() as session:
        account = session.get(Account, order["account_id"])
    if account is None:
        raise NotFound(f"There is no account {order['account_id']}.")
    lease = Lease(AccountStatus, order["account_id"], order["owner"], order["fence"])
    return Claimed(account, lease, order["run_id"], took_over=False)


if __name__ == "__main__":
    # A signal to the whole group is for whoever holds the run: this process ends when its input does.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # Without a buffer: what nobody reads any more would be written once more at the end, and complained of.
    with open(sys.stdout.fileno(), "wb", buffering=0, closefd=False) as unbuffered:
        main(sys.stdin.buffer, unbuffered)
