"""Escape is a key of its own, also when the next one comes in the same packet.

Terminals send Alt and a letter as Escape and that letter. Nothing here needs Alt; but over a slow line Escape and what
is pressed after it arrive together, and the framework would take them for Alt: of `Escape /` the Escape were lost.
"""

from __future__ import annotations

from collections.abc import Iterable

from textual import events
from textual._xterm_parser import XTermParser
from textual.drivers import linux_driver

_ESCAPE = "\x1b"


class EscapeFirst(XTermParser):
    """Reads a letter after Escape as two keys; arrows and the like, which begin so too, as ever."""

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        # On some keyboards Alt and a digit make a letter such as £; those come as that letter.
        is_digit = len(sequence) == 2 and sequence[0] == _ESCAPE and sequence[1].isdigit()
        if alt or is_digit:
            yield events.Key("escape", _ESCAPE)
            sequence = sequence[-1]
        yield from super()._sequence_to_key_events(sequence)


def read_escape_first() -> None:
    """Have terminals read so in this process; the driver knows its parser by name alone."""
    linux_driver.XTermParser = EscapeFirst  # type: ignore[attr-defined]
