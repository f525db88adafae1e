"""The way in for `postroom send`: checks the envelope, writes the message, synced, into the drop folder.

Opens no database and imports no framework, so it starts fast, needs no right on the database, and works while that is
away; a worker picks the file up. As Postfix's sendmail does it: temporary name, fsync, rename, fsync of the folder.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.environment import Environment
from core.errors import BadInput, CannotWrite, StoreError, StoreFull
from core.failpoints import fp
from core.mail.envelope import (
    LANES,
    LONGEST_ID,
    OutgoingEnvelope,
    check_header,
    check_size,
    checked_envelope,
    is_time_of_mail,
    message_id_of,
)
from core.mail.message_ids import read_message_ids
from core.text import clean

__all__ = ["SUFFIX", "Dropped", "OutgoingEnvelope", "hand_in", "read_dropped"]

SUFFIX = ".mail"
"""How a complete file in the drop folder ends; until then its name begins with a dot."""

VERSION = 1
"""Of the file format: a line of JSON, then the message's bytes."""

_LONGEST_HEAD = 64 << 20
"""Bytes of that line: a million recipients. As JSON it takes many times as much memory."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """What a file of the drop folder holds."""

    envelope: OutgoingEnvelope
    message_id: str
    handed_in_at: datetime
    raw: bytes


def hand_in(environment: Environment, envelope: OutgoingEnvelope, raw: bytes, *, host: str = "") -> str:
    """Take a message durably; gives back its Message-ID. When this returns, the message will be sent.

    Raises:
        BadInput: the envelope or a header cannot be taken, with every problem of them; or it is too large.
        StoreError: the drop folder cannot be written.
    """
    envelope = checked_envelope(envelope)
    check_header(raw)
    check_size(raw)
    message_id = message_id_of(raw, host=host, key=envelope.key)
    folder = environment.drop
    try:
        _make_drop(environment)
        _write_durably(folder, envelope.lane, _file_bytes(envelope, message_id, datetime.now(UTC), raw))
    except OSError as error:
        raise _translated(folder, error) from error
    return message_id


def read_dropped(content: bytes) -> Dropped:
    """Read a file of the drop folder; whoever may write there may have written anything.

    Raises:
        BadInput: it is not complete, or not as `hand_in` writes it.
    """
    line, _, raw = content.partition(b"\n")
    if len(line) > _LONGEST_HEAD:
        raise BadInput(f"The file names more recipients than fit into {_LONGEST_HEAD >> 20} MiB.")
    try:
        head: dict[str, Any] = json.loads(line)
        if head["version"] != VERSION or head["size"] != len(raw):
            raise BadInput("The file is of another version, or was cut.")
        envelope = checked_envelope(_read_envelope(head))
        message_id, handed_in_at = read_message_ids(head["message_id"]), _read_time(head["handed_in_at"])
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise BadInput(f"The file is not as postroom send writes it ({type(error).__name__}).") from error
    is_named = len(message_id) == 1 and len(message_id[0]) <= LONGEST_ID and clean(message_id[0]) == message_id[0]
    if not is_named or handed_in_at is None or not is_time_of_mail(handed_in_at):
        raise BadInput("The file is not as postroom send writes it (Message-ID or time).")
    check_header(raw)
    return Dropped(envelope, message_id[0], handed_in_at, raw)


def _file_bytes(envelope: OutgoingEnvelope, message_id: str, now: datetime, raw: bytes) -> bytes:
    head = {
        "version": VERSION,
        "sender": envelope.sender,
        "recipients": envelope.recipients,
        "mailbox": envelope.mailbox,
        "lane": envelope.lane,
        "key": envelope.key,
        "not_before": _written_time(envelope.not_before),
        "expires_at": _written_time(envelope.expires_at),
        "notify": envelope.notify,
        "message_id": message_id,
        "handed_in_at": now.isoformat(),
        "size": len(raw),
    }
    return json.dumps(head).encode() + b"\n" + raw


def _read_envelope(head: dict[str, Any]) -> OutgoingEnvelope:
    recipients, texts = head["recipients"], (head["mailbox"], head["lane"], head["key"], head["sender"] or "")
    if not isinstance(recipients, list) or not all(isinstance(text, str) for text in (*recipients, *texts)):
        raise TypeError("text")
    return OutgoingEnvelope(
        recipients=tuple(recipients),
        sender=head["sender"],
        mailbox=head["mailbox"],
        lane=head["lane"],
        key=head["key"],
        not_before=_read_time(head["not_before"]),
        expires_at=_read_time(head["expires_at"]),
        notify=head["notify"] is True,
    )


def _written_time(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment is not None else None


def _read_time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)


def _make_drop(environment: Environment) -> None:
    """The drop folder, also where twenty processes come at once to a home that is not there yet."""
    if environment.drop.is_dir():
        return
    if environment.drop.is_relative_to(environment.home):
        environment.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    environment.drop.mkdir(parents=True, exist_ok=True, mode=0o700)
    if os.geteuid() == 0:
        # As a mail spool: sticky, so that none removes another's message; writable, not readable.
        # By its descriptor: who may write the folder above could put a link in its place just now.
        made = os.open(environment.drop, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fchmod(made, stat.S_ISVTX | 0o733)
        finally:
            os.close(made)


def _write_durably(folder: Path, lane: str, content: bytes) -> None:
    # Taken in the order of names: urgent mail does not wait behind what was handed in before it.
    name = f"{LANES.index(lane)}-{time.time_ns():020d}-{os.getpid()}-{os.urandom(8).hex()}{SUFFIX}"
    unfinished = folder / f".{name}.part"
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        try:
            _write_all(descriptor, content)
            if folder.stat().st_mode & stat.S_ISGID:
                # A folder shared by group: what lands in it is for that group, which the worker is in.
                os.fchmod(descriptor, 0o640)
            os.fsync(descriptor)
            fp("K16")
            unfinished.rename(folder / name)
        except BaseException:
            with contextlib.suppress(OSError):
                unfinished.unlink()
            raise
        _sync_folder(folder, descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_folder(folder: Path, file: int) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:
        # Who may write into the folder but not read it cannot sync it. Syncing the file anew carries its new name
        # along: ext4, XFS and btrfs commit the rename with the file's own change.
        os.fsync(file)
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _translated(folder: Path, error: OSError) -> StoreError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFull(f"The message was not taken: the disk of {folder} is full. Free some space and try again.")
    return CannotWrite(
        f"The message was not taken: {folder} cannot be written ({error.strerror}). "
        "The service's drop folder can be named in POSTROOM_DROP."
    )
