"""What a forked process finds imported: all that commands and workers import, early or late."""

import gc
from importlib import import_module

from sqlalchemy.orm import configure_mappers

for name in (
    "core.gateway", "core.inbound.run.fetch", "core.oauth.cache", "core.outbound.sending.deliver", "core.services.outbox",
    "core.vault.key_file", "core.workers.loop", "tui.cli.__main__", "tui.cli.commands", "tui.cli.running",
    "tui.cli.looking.rows", "tui.cli.configuring.changing", "tui.cli.incoming.fetching", "tui.cli.outgoing.delivering",
    "tui.cli.connections.testing", "tui.cli.sendmail.send", "tui.cli.outgoing.outbox",
    "tui.cli.configuring.configuration", "tui.cli.upkeep.doctor",
):  # fmt: skip
    import_module(name)

# Mapping the tables, else done at the first statement, is a quarter of what a short command takes.
configure_mappers()

# Forks share this memory until somebody writes to it, as the collector does with what it looks through.
gc.freeze()
