"""Draws on stdout: that is what was found to be a terminal; stderr may go to a file, as `postroom 2>log` has it."""

from __future__ import annotations

import sys
from typing import Any

from textual.drivers.linux_driver import LinuxDriver


class StdoutDriver(LinuxDriver):
    """The framework's driver for terminals, which draws on stderr."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._file = sys.__stdout__
