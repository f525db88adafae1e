"""Text from outside as something a widget may draw: safe characters, and never markup."""

from __future__ import annotations

from textual.content import Content

from core.text import safe_text


def foreign(text: object, style: str = "") -> Content:
    """One line of text that somebody else wrote."""
    return Content.styled(safe_text(str(text)), style) if style else Content(safe_text(str(text)))


def foreign_lines(text: object, style: str = "") -> Content:
    """Several lines of text that somebody else wrote."""
    shown = safe_text(str(text), multiline=True)
    return Content.styled(shown, style) if style else Content(shown)
