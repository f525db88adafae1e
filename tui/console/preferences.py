"""What the console remembers of one person: a theme."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Preferences:
    """Kept in the person's own configuration folder, not in the shared home."""

    path: Path | None = None
    """None: nothing is remembered."""

    @classmethod
    def of_user(cls) -> Preferences:
        """The preferences of the person at this terminal."""
        from platformdirs import user_config_path

        return cls(user_config_path("postroom", appauthor=False) / "console.json")

    @property
    def theme(self) -> str:
        """The theme chosen last; empty when none was."""
        if self.path is None:
            return ""
        try:
            kept = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return ""
        return str(kept.get("theme", "")) if isinstance(kept, dict) else ""

    def remember_theme(self, name: str) -> None:
        """Keep a theme for the next time; a folder that cannot be written is no reason to fail."""
        if self.path is None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps({"theme": name}), encoding="utf-8")
        except OSError:
            return
