"""Why a message is where it is: the steps that were taken, in order."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Stage(StrEnum):
    """The stages of the way in, in the order in which they are passed."""

    TRUST = "trust"
    """Are the message's own control headers executed or removed?"""
    BOUNCE = "bounce"
    """Is it a report about a message that could not be delivered?"""
    FILTERS = "filters"
    """What do the postmaster filters set?"""
    IGNORE = "ignore"
    """Did a header or filter say that it makes no record?"""
    LOOP_GUARD = "loop guard"
    """Did it come from ourselves, or too often from one sender?"""
    FOLLOW_UP = "follow-up"
    """Does it belong to a record that is there already?"""
    DISPATCH = "dispatch"
    """In which queue does the new record land?"""


class Step(NamedTuple):
    """One thing that was decided; a tuple, since it is stored as `[stage, rule, why]`."""

    stage: Stage
    rule: str
    """What decided: a filter's name, a header, a setting."""
    why: str
    """The decision and its reason, as a sentence for the operator."""


Trail = tuple[Step, ...]
"""Steps in the order of `Stage`."""


class Complaint(NamedTuple):
    """Something a message or rule asked for that could not be done; the run reports it, the message goes on."""

    what: str
    """The header or filter that asked."""
    value: str
    """What it asked for."""
    text: str
    """What is wrong with it and what was done instead, as a sentence."""
