"""The connection of one run: the one kept from the last poll if it still answers, else a new one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from core.credentials import note_certificate
from core.errors import WireError
from core.handles import Handles
from core.inbound.due import Claimed
from core.inbound.noted import Noted
from core.inbound.server.connection import Connection
from core.inbound.server.kept import KeptSources
from core.inbound.server.opening import open_source, server_of
from core.inbound.server.unchanged import unchanged_folders
from core.models import Account
from core.protocols.imap.source import FolderStatus, ImapSource
from core.protocols.server import Timeouts
from core.protocols.source import Source
from core.runlog import RunLog
from core.vault.owner import Owner

SOON = 20.0
"""Seconds in which a kept connection must answer: a dead one is silent, and a new one is opened sooner than that."""

SHORTEST = 2.0
"""Seconds that it is given in any case."""


def connect(
    handles: Handles,
    claimed: Claimed,
    log: RunLog,
    timeouts: Timeouts,
    *,
    noted: Mapping[str, Noted],
    kept: KeptSources | None,
) -> tuple[Source, dict[str, FolderStatus]]:
    """A connection, and the folders in which nothing is to be done.

    Raises:
        ConfigurationError: there is no password, or it cannot be opened.
        WireError: the server cannot be reached or refuses.
    """
    # The dialogue of a kept connection is told to the run that opened it: with --debug a new one is opened.
    waiting = kept.take(claimed.account) if kept is not None and not log.debug else None
    if waiting is not None and (unchanged := _look_again(handles, claimed, waiting, noted)) is not None:
        log.connected(server_of(claimed.account).place, "still, since an earlier run", 0.0)
        return waiting, unchanged
    source = open_source(handles, claimed.account, log, timeouts)
    try:
        shown = source.facts.tls.certificate.expires if source.facts.tls else None
        if shown != claimed.certificate_expires:
            note_certificate(handles, Owner("account", claimed.lease.key), shown)
        return source, unchanged_folders(claimed, noted, source)
    except BaseException:
        source.drop()
        raise


def pass_on(connection: Connection, claimed: Claimed, kept: KeptSources | None) -> bool:
    """Keep the connection for the next poll; false: it is to be closed."""
    source = connection.source
    if kept is None or not isinstance(source, ImapSource) or not kept.has_room_for(claimed.account):
        return False
    try:
        # Of a folder that is selected, STATUS may tell what was true when it was selected (RFC 3501 §6.3.10).
        is_free = connection.ask(source.unselect)
    except WireError:
        return False
    if not is_free:
        return False
    connection.pass_on()
    if not kept.keep(claimed.account, source):
        source.drop()
    return True


def patience_with(account: Account, interval: timedelta) -> float:
    """How long an account's kept connection may take to answer: where polls are frequent, a fourth of the interval.

    The poll is the net under IDLE; when both lines have died silently, mail must not wait for several polls.
    """
    between = account.interval if account.interval is not None else interval.total_seconds()
    return min(SOON, max(SHORTEST, between / 4))


def _look_again(
    handles: Handles, claimed: Claimed, source: ImapSource, noted: Mapping[str, Noted]
) -> dict[str, FolderStatus] | None:
    """What is unchanged, seen through a kept connection; `None` if it no longer answers."""
    seconds = patience_with(claimed.account, handles.settings().fetch_interval)
    try:
        unchanged = unchanged_folders(claimed, noted, source, seconds=seconds)
        if not unchanged:
            source.noop(seconds=seconds)
    except BaseException as error:
        source.drop()
        if isinstance(error, WireError):
            return None
        raise
    return unchanged
