"""What a forked process finds imported: all that commands and workers import, early or late."""

import gc
from importlib import import_module

from sqlalchemy.orm import configure_mappers

for name in (
    "core.gateway", "core.inbound.run.fetch", "core.oauth.cache", "core.outbound.sending.deliver", "core.services.outbox",
    "core.vault.key_file", "core.workers.loop", "tui.cli.__main__", "tui.cli.commands", "tui.cli.running",
    "tui.cli.looking", "tui.cli.changing", "tui.cli.fetching", "tui.cli.delivering", "tui.cli.testing", "tui.cli.send",
    "tui.cli.outbox", "tui.cli.configuration", "tui.cli.health",
):  # fmt: skip
    import_module(name)

# Mapping the tables, else done at the first statement, is a quarter of what a short command takes.
configure_mappers()

# Forks share this memory until somebody writes to it, as the collector does with what it looks through.
gc.freeze()
