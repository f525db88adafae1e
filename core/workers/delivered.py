"""What a pass over the outbox came to, as one text, for those who asked for it from another process."""

from __future__ import annotations

import json

from core.outbound.sending.fault import Fault
from core.outbound.sending.summary import Summary

MAILBOXES = 5
"""Mailboxes told at most; an event of a request holds a thousand characters."""

_LONGEST = 120


def told_summary(summary: Summary) -> str:
    """The counts, and why mailboxes could not send."""
    faults = {
        name: [fault.text[:_LONGEST], fault.is_configuration]
        for name, fault in list(summary.faults.items())[:MAILBOXES]
    }
    return json.dumps({**summary.as_dict(), "left_behind": summary.left_behind, "faults": faults})


def read_summary(text: str) -> Summary:
    """The summary again."""
    told = json.loads(text)
    faults = told.pop("faults")
    return Summary(**told, faults={name: Fault(text, "", is_configuration=bad) for name, (text, bad) in faults.items()})
