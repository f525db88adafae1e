"""What a fetch would take in, as texts, for those who asked for a dry run from another process."""

from __future__ import annotations

import json
from collections.abc import Iterator

from core.handles import Handles
from core.inbound.run.closing import RunOutcome
from core.inbound.run.fetch import FetchOptions
from core.inbound.run.rehearse import Rehearsed
from core.models import RunState
from core.runlog import Counts
from core.workers.fetch_now import rehearse_now

KIND = "rehearse"
"""The requests for it."""

_LONGEST = 700
"""Characters of an error; an event of a request holds a thousand."""


def told_plans(handles: Handles, name: str) -> Iterator[str]:
    """What fetching one account, or all valid ones (`*`), would take in: a text a folder, or why it cannot be told.

    Raises:
        NotFound: there is no such account.
        InvalidAccount: it is invalid.
    """
    for one in rehearse_now(handles, None if name == "*" else [name], FetchOptions()):
        if isinstance(one, Rehearsed):
            told = {"plan": one.__dict__}
        else:
            told = {"failed": {"account": one.account, "error": one.error[:_LONGEST], "fault": one.fault}}
        yield json.dumps(told, ensure_ascii=False)


def read_plan(text: str) -> Rehearsed | RunOutcome:
    """One of them again."""
    told = json.loads(text)
    if "plan" in told:
        return Rehearsed(**told["plan"])
    failed = told["failed"]
    return RunOutcome(0, failed["account"], RunState.FAILED, Counts(), failed["error"], failed["fault"])
