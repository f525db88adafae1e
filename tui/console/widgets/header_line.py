"""The line above everything: where one is, and how things stand."""

from __future__ import annotations

from collections.abc import Callable

from textual.content import Content
from textual.widgets import Static

from core import clock
from core.text import safe_text
from tui.console.nouns import many
from tui.console.standing import Standing


class HeaderLine(Static):
    """Name, screen, workers, running fetches, outbox, quarantine, clock."""

    def __init__(self, place: str, waited: Callable[[], float] = lambda: 0.0) -> None:
        super().__init__(markup=False)
        self._waited = waited
        self.place = place
        """The screen's name, as it is shown."""
        self._standing = Standing()

    def on_mount(self) -> None:
        """Tick once a second."""
        self.set_interval(1, self._tick)
        self._draw()

    def on_resize(self) -> None:
        """Say as much as fits."""
        self._draw()

    def stand(self, standing: Standing) -> None:
        """Show how things stand."""
        self._standing = standing
        self._draw()

    def rename(self, place: str) -> None:
        """Show another name of the screen."""
        self.place = place
        self._draw()

    def _tick(self) -> None:
        if self.screen in self.app.screen_stack:  # of the places that are not, each would draw for nobody
            self._draw()

    def _draw(self) -> None:
        left = Content.assemble((" Postroom · ", "bold"), (safe_text(self.place), "bold"))
        now = clock.utcnow().astimezone()
        # Lists give local times without a zone: the clock above them says which.
        for told in (f"{now:%H:%M:%S %Z} ", f"{now:%H:%M:%S} "):
            facts = [*self._facts(), (0, Content(told))]
            if self._fits(left, facts):
                break
        while facts and not self._fits(left, facts):
            facts.remove(min(facts, key=lambda fact: fact[0]))
        right = Content("  ").join(fact for _, fact in facts)
        gap = max(1, self.size.width - left.cell_length - right.cell_length)
        self.update(Content.assemble(left, " " * gap, right), layout=False)

    def _fits(self, left: Content, facts: list[tuple[int, Content]]) -> bool:
        return left.cell_length + sum(fact.cell_length + 2 for _, fact in facts) <= self.size.width

    def _facts(self) -> list[tuple[int, Content]]:
        """What stands on the right, each with its weight: where not all fits, the lightest go first."""
        now, waited = self._standing, int(self._waited())
        facts: list[tuple[int, Content]] = []
        if waited:
            facts.append((9, Content.styled(f"waiting {waited} s", "$text-warning")))
        if now.trouble:
            return [*facts, (9, Content.styled(f"✗ {now.trouble_in_short}", "$text-error"))]
        if not now.is_known:
            return facts
        worker = f"worker {'●' if now.workers else '!'} {now.workers}"
        facts += [
            (2, Content(worker)) if now.workers else (8, Content.styled(worker, "$text-warning")),
            (3, Content.styled(f"fetch ● {now.fetching}", "$text-primary" if now.fetching else "")),
            (1, Content(f"outbox {now.outbox}")),
        ]
        if now.quarantine:
            facts.append((6, Content.styled(f"quarantine {now.quarantine}", "$text-warning")))
        if now.alerts:
            facts.append((7, Content.styled(f"! {many(now.alerts, 'alert')}", "$text-error")))
        return facts
