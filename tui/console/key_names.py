"""The keys that mean something now, as people know them: for the footer, the help and the palette."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.screen import Screen

_WORDS = {
    "enter": "enter",
    "escape": "esc",
    "ctrl+s": "^s",
    "ctrl+f": "^f",
    "ctrl+t": "^t",
    "up": "up",
    "down": "down",
    "left": "left",
    "right": "right",
}
"""Names of keys that are no letters, in words and ASCII."""


def name_of(app: App[Any], binding: Binding) -> str:
    """A binding's key as people know it."""
    return _WORDS.get(binding.key) or app.get_key_display(binding)


def explained(screen: Screen[Any]) -> list[tuple[str, str]]:
    """The keys of a screen and what each does, the shown ones first; keys that do the same stand together."""
    # What has a tooltip is ours; the framework's own keys would bury it.
    ours = [one.binding for one in screen.active_bindings.values() if one.binding.tooltip]
    keys: dict[str, list[str]] = {}
    for binding in sorted(ours, key=lambda one: not one.show):
        keys.setdefault(binding.tooltip, []).append(name_of(screen.app, binding))
    return [(_together(names), told) for told, names in keys.items()]


def _together(names: list[str]) -> str:
    """Keys that do the same; many digits as a range."""
    are_many_digits = len(names) > 2 and all(name.isdigit() for name in names)
    return f"{names[0]}-{names[-1]}" if are_many_digits else " ".join(names)


def commands(screen: Screen[Any]) -> Iterator[SystemCommand]:
    """What the keys of a screen do, for the palette."""
    for active in screen.active_bindings.values():
        if active.enabled and active.binding.tooltip and active.binding.description:
            # A key's action belongs to the widget or screen that declared it.
            action = partial(screen.app.run_action, active.binding.action, active.node)
            title = f"{active.binding.description.capitalize()} ({name_of(screen.app, active.binding)})"
            yield SystemCommand(title, active.binding.tooltip, action)
