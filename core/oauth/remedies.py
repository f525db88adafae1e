"""What to do about a refusal: whose turn it is, and the sentence that tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Whose turn it is."""

    APP = "app"
    """Whoever looks after the app registration, the profile or the user at the provider; nobody has to sign in."""
    PERSON = "person"
    """Whoever signs in."""
    LATER = "later"
    """Nobody's: it passes."""


@dataclass(frozen=True)
class Remedy:
    """One thing that can be wrong, and what to do."""

    kind: Kind
    text: str
    """The sentence, with {profile}, {client}, {tenant}, {method}, {scopes}, {name}, {user} and {cure} to be filled in.
    {cure} is how this account or mailbox signs in again."""
    for_ropc: str = ""
    """Instead of `text` where the grant is user name and password (resource owner password credentials)."""

    def told(self, words: Mapping[str, str]) -> str:
        """The sentence, filled in."""
        text = self.for_ropc if self.for_ropc and words["method"] == "password" else self.text
        return " ".join(text.format_map(words).split())
