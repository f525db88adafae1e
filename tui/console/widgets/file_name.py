"""Completing the name of a file while it is typed, as a shell does."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from textual.suggester import Suggester

from core.text import safe_text


class FileName(Suggester):
    """The first file or folder that begins so; the right arrow takes it."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """Looked up in a thread: a folder may lie on a slow disk."""
        return await asyncio.to_thread(completed, value)


def completed(typed: str) -> str | None:
    """The typed beginning with the first name that continues it; `None` if there is none."""
    folder, _, begun = typed.rpartition("/")
    if not begun:
        return None
    try:
        with os.scandir(Path(f"{folder}/" if "/" in typed else ".").expanduser()) as entries:
            # The framework draws what it suggests as it is: a name with control characters is left to the keyboard.
            fitting = [one for one in entries if one.name.startswith(begun) and safe_text(one.name) == one.name]
            found = sorted(f"{one.name}/" if one.is_dir() else one.name for one in fitting)
    except OSError:
        return None
    return typed + found[0][len(begun) :] if found else None
