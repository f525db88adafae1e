"""A terminal that is gone: who has ended may tidy up, who has not is ended."""

from __future__ import annotations

import os

import pytest

from tui.console.terminal import guard as terminal_guard
from tui.console.terminal.guard import EXIT_CODE, TerminalGuard


@pytest.mark.parametrize(("has_ended", "codes"), [(True, []), (False, [EXIT_CODE])])
def test_only_a_console_that_does_not_end_is_ended(
    monkeypatch: pytest.MonkeyPatch, has_ended: bool, codes: list[int]
) -> None:
    exits: list[int] = []
    monkeypatch.setattr(terminal_guard, "GRACE", 0.01)
    monkeypatch.setattr(terminal_guard.os, "_exit", exits.append)
    terminal, other_end = os.pipe()
    os.close(other_end)
    guard = TerminalGuard(terminal, lambda: guard.stand_down() if has_ended else None)
    guard.run()
    os.close(terminal)
    assert exits == codes
