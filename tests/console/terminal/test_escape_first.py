"""Escape and the keys after it, in one packet."""

from __future__ import annotations

import pytest
from textual import events
from textual.drivers import linux_driver

from tui.console.terminal.escape_first import EscapeFirst, read_escape_first


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


def test_the_driver_of_this_framework_reads_so(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "XTermParser"
    monkeypatch.setattr(linux_driver, name, linux_driver.XTermParser)
    read_escape_first()
    assert name in linux_driver.LinuxDriver.run_input_thread.__code__.co_names, "it asks for another parser now"
    assert vars(linux_driver)[name] is EscapeFirst
