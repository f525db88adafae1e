"""`postroom` alone opens the console, `postroom --worker` works without a terminal."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Literal, cast

from typer import Context, Option

from core.errors import Misuse
from core.gateway import open_gateway
from tui.cli.process.signals import orderly_end, while_listening
from tui.cli.words.options import Invocation

if TYPE_CHECKING:
    from core.workers.tester import CarryOut


def run(
    ctx: Context,
    worker: Annotated[bool, Option("--worker", help="Fetch and send without a terminal.")] = False,
    only: Annotated[str, Option("--only", help="Only fetch, or only send.")] = "",
    once: Annotated[bool, Option("--once", help="Do what is due, then end.")] = False,
    read_only: Annotated[bool, Option("--read-only", help="The console changes nothing.")] = False,
    screen: Annotated[str, Option("--screen", help="The console's first screen.")] = "",
    filter_text: Annotated[str, Option("--filter", help="What its filter box holds.")] = "",
    theme: Annotated[str, Option("--theme", help="Its colours.")] = "",
    plain_signs: Annotated[bool, Option("--ascii", help="No characters beyond ASCII.")] = False,
    no_mouse: Annotated[bool, Option("--no-mouse", help="The mouse is left to the terminal.")] = False,
    offer_demo: Annotated[bool, Option("--offer-demo", hidden=True)] = False,
) -> int:
    """Open the console; with --worker, fetch and send until SIGTERM or Ctrl+C."""
    if worker:
        return _work(ctx.obj, only, once=once)
    if only or once:
        raise Misuse("--only and --once go with --worker.")
    from tui.console.terminal.check import check_terminal

    check_terminal()
    from tui.cli.console import DemoOffer, open_console

    offer = DemoOffer() if offer_demo else None
    exit_code = open_console(
        ctx.obj,
        read_only=read_only,
        screen=screen,
        filter_text=filter_text,
        theme=theme,
        plain_signs=plain_signs,
        mouse=not no_mouse,
        offer=offer,
    )
    if offer is not None and offer.is_wanted:
        from tui.demo.__main__ import show_demo

        return show_demo()
    return exit_code


def _work(invocation: Invocation, only: str, *, once: bool) -> int:
    if only not in {"", "fetch", "send"}:
        raise Misuse(f"--only is fetch or send, not {only!r}.")
    from core.workers.loop import run_workers
    from core.workers.service_manager import service_manager
    from core.workers.upkeep.key_watch import refuse_without_key
    from tui.cli.told.worker_log import log_to_stderr

    log_to_stderr(_level(invocation))
    with orderly_end() as ending, closing(open_gateway(invocation.environment, role=only or "worker")) as handles:
        # No role is asked for: who may read the key is the service.
        refuse_without_key(handles)
        part = cast("Literal['fetch', 'send'] | None", only or None)
        test = None if once else _tests()
        manager = service_manager()
        while_listening(
            lambda: run_workers(handles, only=part, once=once, stop=ending.event, test=test, manager=manager)
        )
    return 0


def _tests() -> CarryOut:
    from core.services.connection_tests.test_orders import (
        carry_out,  # all that tests look at, which one pass never does
    )

    return carry_out


def _level(invocation: Invocation) -> int:
    return logging.DEBUG if invocation.debug else logging.WARNING if invocation.quiet else logging.INFO
