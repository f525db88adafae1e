"""Draws docs/console.svg: the console on the demo world, after its first fetch.

python docs/picture.py
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from core.gateway import open_gateway
from core.services.actor import current_actor
from core.workers.fetcher import fetch_now
from tui.console.app import PostroomApp
from tui.demo.world import DemoWorld


async def _draw(app: PostroomApp, target: Path) -> None:
    async with app.run_test(size=(110, 30)) as pilot:
        await pilot.pause(1.5)
        target.write_text(app.export_screenshot(title="Postroom"), encoding="utf-8")


def main() -> None:
    """Draw it."""
    with DemoWorld() as world:
        world.deliver_samples()
        handles = open_gateway(world.environment)
        try:
            fetch_now(handles, None)
            app = PostroomApp(handles, current_actor(handles), screen="live")
            asyncio.run(_draw(app, Path(__file__).with_name("console.svg")))
        finally:
            handles.close()


if __name__ == "__main__":
    main()
