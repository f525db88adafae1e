"""The pages of the documentation, and what stands on them to be tried."""

import re
from pathlib import Path

_DOCS = Path(__file__).parents[1] / "docs"


def page(name: str) -> str:
    """A page's text."""
    return (_DOCS / f"{name}.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The blocks of a page that are in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
