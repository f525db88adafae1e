"""What became of one offer, whichever way it went."""

from __future__ import annotations

from dataclasses import dataclass

SECONDS = 30.0
"""How long a receiver may take for one offer, as a whole."""


@dataclass(frozen=True)
class Reception:
    """How a receiver took an offer."""

    is_taken: bool
    text: str = ""
    """What went wrong, as a sentence for the operator."""
    is_out_of_reach: bool = False
    """Whether the receiver as a whole could not be used: nothing else is offered to it for a while."""


TAKEN = Reception(is_taken=True)
"""It has it."""


def refused(text: str) -> Reception:
    """It did not take this; what else there is is offered all the same."""
    return Reception(is_taken=False, text=text)


def out_of_reach(text: str) -> Reception:
    """It takes nothing now."""
    return Reception(is_taken=False, text=text, is_out_of_reach=True)
