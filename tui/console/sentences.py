"""Sentences of others, put together with our own."""

from __future__ import annotations

from typing import Any

from core.text import ended


def sentence(text: Any) -> str:
    """A text that another sentence may follow: with its full stop and a space; nothing for none."""
    words = ended(str(text or "").strip())
    return f"{words} " if words else ""


def going_on(text: str) -> str:
    """A sentence as it goes on behind a colon or a name; `X-Header` stays as it is."""
    begins_a_word = text[:1].isupper() and text[1:2].islower()
    return text[:1].lower() + text[1:] if begins_a_word else text
