"""Escape and the keys after it, in one packet."""

from __future__ import annotations

import pytest
from textual import events

from tui.console.escape_first import EscapeFirst


def keys(packet: str) -> list[str]:
    parser = EscapeFirst()
    found = list(parser.feed(packet))
    if parser._timeout_time is not None:
        parser._timeout_time = 0.0  # nothing more comes
        found += list(parser.tick())
    return [one.key for one in found if isinstance(one, events.Key)]


@pytest.mark.parametrize(
    ("packet", "pressed"),
    [
        ("\x1b", ["escape"]),
        ("\x1b3", ["escape", "3"]),
        ("\x1bj", ["escape", "j"]),
        ("\x1bjJd", ["escape", "j", "J", "d"]),
        ("\x1b/desk\r", ["escape", "slash", "d", "e", "s", "k", "enter"]),
        ("\x1b\x1bq", ["escape", "escape", "q"]),
        ("j", ["j"]),
        ("£", ["pound_sign"]),
        ("\x1b[A", ["up"]),
        ("\x1bOP", ["f1"]),
    ],
)
def test_what_is_pressed_after_escape_is_a_key_of_its_own(packet: str, pressed: list[str]) -> None:
    assert keys(packet) == pressed
