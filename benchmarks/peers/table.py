"""What came out, as a table: each beside Postroom, pair by pair: what the machine did meanwhile fell on both."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Round:
    """One round of one program."""

    messages: int
    seconds: float
    megabytes: float

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds


def table(title: str, rounds: Mapping[str, Sequence[Round]], ours: str) -> str:
    """A line a program; the ratios are medians over the rounds, of the two rates of each round."""
    lines = [title, f"{'program':<34}{'messages/s':>11}{'lowest':>9}{'highest':>9}{'MB':>7}{'Postroom is':>14}"]
    for name, those in rounds.items():
        rates = [one.rate for one in those]
        ratios = [mine.rate / one.rate for mine, one in zip(rounds.get(ours, ()), those, strict=False)]
        ratio = f"{statistics.median(ratios):.2f} times" if ratios and name != ours else ""
        memory = max(one.megabytes for one in those)
        lines.append(
            f"{name:<34}{statistics.median(rates):>11,.0f}{min(rates):>9,.0f}{max(rates):>9,.0f}{memory:>7.0f}{ratio:>14}"
        )
    return "\n".join(lines)
