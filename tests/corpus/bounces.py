"""Bounces in the words of many servers, and what is none of them. Each a file; the name says server and defect.

Nothing here came from a real person's mail.
"""

from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent


@cache
def bounces() -> dict[str, bytes]:
    """The bounces by name, which begins with the server's."""
    return _messages("bounces")


@cache
def not_bounces() -> dict[str, bytes]:
    """Ordinary mail, answers of machines, list mail, receipts, and mail about bounces, by name."""
    return _messages("not_bounces")


def _messages(folder: str) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in sorted((_HERE / folder).glob("*.eml"))}
