"""The drop folder emptied into the outbox: whoever may write there may have put anything there."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import BadInput, CannotWrite, NotFound, StoreFull, StoreRefused
from core.handin import SUFFIX, read_dropped
from core.handles import Handles
from core.mail.envelope import LARGEST as LARGEST_MESSAGE
from core.outbox.enqueue import TOPIC, held, insert_durably, known_mailboxes
from core.outbox.entry import Entry, read_entry
from core.outbox.put_aside import put_aside
from core.system_users import user_name

LARGEST = LARGEST_MESSAGE + (64 << 20)
"""Bytes of a file that is taken: the largest message, and a million recipients before it."""

_log = logging.getLogger("postroom.drop")

_OUR_OWN = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.EINTR)
"""Faults that say nothing of the file: it is read later."""

_AT_ONCE = 200
_ENOUGH = 10
"""Files that did not fit, after which no further one is tried."""
_BYTES_AT_ONCE = 16 << 20


@dataclass(frozen=True)
class _Found:
    """A file that can be put into the outbox."""

    name: str
    entry: Entry
    inode: int
    """Which file that was: by now the name may stand for another one."""


@dataclass
class _Unfit:
    """Files that the database's disk has no room for."""

    count: int = 0


def pick_up(handles: Handles) -> int:
    """Put all that lies in the drop folder into the outbox; gives back how many messages that were.

    A file is removed after its row is committed; left there by a crash in between, its key tells that it is known.
    What does not fit on the disk of the database stays where it is, and keeps nothing smaller from being taken.

    Raises:
        CannotWrite: the drop folder cannot be read.
        StoreFull: some did not fit; the others are in the outbox.
    """
    count = 0
    unfit = _Unfit()
    try:
        with _opened(handles.environment.drop) as folder:
            for batch in _batches(folder, _complete_files(folder)):
                stored = _store(handles, folder, batch, unfit)
                for found in stored:
                    _remove(folder, found)
                count += len(stored)
                if unfit.count >= _ENOUGH:
                    break
    except FileNotFoundError:
        return count
    except PermissionError as error:
        if _is_anothers(handles.environment.drop):
            return count  # it is for the service, whose worker looks each second
        raise CannotWrite(f"{handles.environment.drop} cannot be read ({error.strerror}).") from error
    except OSError as error:
        raise CannotWrite(f"{handles.environment.drop} cannot be read ({error.strerror}).") from error
    if unfit.count:
        raise StoreFull(
            f"The disk of the database is full: not all that was handed in fits into the outbox. It waits in "
            f"{handles.environment.drop}; free some space."
        )
    return count


def has_mail(drop: Path) -> bool:
    """Whether something lies in the drop folder."""
    try:
        with _opened(drop) as folder:
            return bool(_complete_files(folder))
    except OSError:
        return False


def warn_if_closed(drop: Path) -> None:
    """Say in the log of a worker that nobody but another user's worker will pick up what is handed in here."""
    try:
        with _opened(drop):
            return
    except FileNotFoundError:
        return
    except OSError as error:
        _log.warning(
            "The drop folder %s is not for this worker to read (%s): what is handed in there waits for a worker of the "
            "user it belongs to.",
            drop,
            error.strerror,
        )


def _is_anothers(drop: Path) -> bool:
    try:
        return drop.stat().st_uid != os.geteuid()
    except PermissionError:  # a folder above it is closed to us
        return True


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    # All names are taken relative to the open folder: what it is called may come to mean another one.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _complete_files(folder: int) -> list[str]:
    """The names of what was handed in, urgent first, then the oldest; an unfinished file begins with a dot."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.name.endswith(SUFFIX) and entry.name[0] != ".")


def _batches(folder: int, names: Sequence[str]) -> Iterator[list[_Found]]:
    batch: list[_Found] = []
    size = 0
    for name in names:
        found = _look_at(folder, name)
        if found is None:
            continue
        batch.append(found)
        size += len(found.entry.raw)
        if len(batch) >= _AT_ONCE or size >= _BYTES_AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _look_at(folder: int, name: str) -> _Found | None:
    """Read one file, or move it aside; none too when another worker was faster."""
    try:
        content, facts = _read(folder, name)
        dropped = read_dropped(content)
        envelope = dropped.envelope
        if not envelope.key:
            # The file itself: it is taken once, though we may be stopped before it is removed.
            envelope = replace(envelope, key=f"drop:{name}:{facts.st_ino}")
        entry = read_entry(
            envelope,
            dropped.raw,
            submitted_by=user_name(facts.st_uid),
            message_id=dropped.message_id,
            handed_in_at=dropped.handed_in_at,
        )
        return _Found(name, entry, facts.st_ino)
    except FileNotFoundError:
        return None
    except BadInput as error:
        put_aside(folder, name, str(error))
        return None
    except OSError as error:
        if error.errno in _OUR_OWN:
            raise
        put_aside(folder, name, _reason(error))
        return None


def _reason(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "It is a link, not a file."
    if error.errno == errno.EACCES:
        return "It cannot be read: its folder needs the set-group-ID bit (chmod g+s) and the worker's group."
    return f"It cannot be read ({error.strerror})."


def _read(folder: int, name: str) -> tuple[bytes, os.stat_result]:
    """The content of a file and whose it is. A link, a pipe or a device is not opened as what it points to."""
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise BadInput("It is no regular file.")
        if not facts.st_nlink:
            raise FileNotFoundError(errno.ENOENT, "another worker has taken it", name)
        if facts.st_nlink != 1:
            # A second name for somebody else's file: it would be read with our rights and sent in his name.
            raise BadInput("The file has more than one name.")
        if facts.st_size > LARGEST:
            raise BadInput(f"The file is larger than {LARGEST} bytes.")
        return file.read(LARGEST + 1), facts


def _store(handles: Handles, folder: int, batch: Sequence[_Found], unfit: _Unfit) -> list[_Found]:
    """Put a batch in by one commit, or one by one if the database does not take it; gives back what it took."""
    if unfit.count >= _ENOUGH:
        return []
    names = {found.entry.envelope.mailbox for found in batch} - {""}
    with handles.database.reading() as session:
        known = known_mailboxes(session, names) if names else {}
    try:
        insert_durably(handles, [_acceptable(found.entry, known) for found in batch])
    except (StoreRefused, NotFound) as error:
        if len(batch) == 1:
            put_aside(folder, batch[0].name, str(error))
            return []
        return [found for one in batch for found in _store(handles, folder, [one], unfit)]
    except StoreFull:
        if len(batch) == 1:
            unfit.count += 1
            return []
        return [found for one in batch for found in _store(handles, folder, [one], unfit)]
    handles.changes.moved(TOPIC)
    return list(batch)


def _acceptable(entry: Entry, known: dict[str, int]) -> Entry:
    """Whoever handed it in is gone: what cannot be done as asked waits for a person."""
    name = entry.envelope.mailbox
    return entry if not name or name in known else held(entry, f"There is no mailbox {name!r}.")


def _remove(folder: int, found: _Found) -> None:
    with contextlib.suppress(FileNotFoundError):
        # Whoever swapped the file under our hands has handed in another one: that one is read next time.
        if os.stat(found.name, dir_fd=folder, follow_symlinks=False).st_ino == found.inode:
            os.unlink(found.name, dir_fd=folder)
