"""MIME scripts where they lie: read only if nobody but the service's user and root can have written them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import ScriptFailed

LARGEST = 1 << 20
"""Bytes of a script."""

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Script:
    """A script that may be run."""

    path: Path
    source: bytes


def read_script(folder: Path, name: str) -> Script:
    """The script of that name in the folder.

    Raises:
        ScriptFailed: it is not there, or others can write it, or could exchange it for another.
    """
    path = folder / name
    try:
        for place in _places(folder):
            _trust(os.lstat(place), place)
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                raise ScriptFailed(f"{path} is no regular file.")
            _trust(facts, path)
            source = file.read(LARGEST + 1)
    except FileNotFoundError as error:
        raise ScriptFailed(f"{path} is not there.") from error
    except OSError as error:
        raise ScriptFailed(f"{path} cannot be read ({error.strerror}).") from error
    if len(source) > LARGEST:
        raise ScriptFailed(f"{path} is larger than {LARGEST} bytes.")
    return Script(path, source)


def _places(folder: Path) -> Iterator[Path]:
    """The folder and all above it, as it is named and as it is, with the links in between."""
    named = folder.absolute()
    real = named.resolve(strict=True)
    yield from dict.fromkeys((*reversed(named.parents), named, *reversed(real.parents), real))


def _trust(facts: os.stat_result, path: Path) -> None:
    if facts.st_uid not in (0, os.geteuid()):
        raise ScriptFailed(
            f"{path} belongs to user {facts.st_uid}, who could change what it does. Run: chown root {path}"
        )
    # Nobody can exchange another's file in a folder like /tmp; and a link's own bits mean nothing.
    is_shared_safely = stat.S_ISDIR(facts.st_mode) and facts.st_mode & stat.S_ISVTX and facts.st_uid == 0
    if facts.st_mode & _OTHERS_WRITE and not is_shared_safely and not stat.S_ISLNK(facts.st_mode):
        # A data folder may be a group's on purpose: then scripts belong elsewhere.
        elsewhere = ", or set POSTROOM_SCRIPTS to a folder of root's" if stat.S_ISDIR(facts.st_mode) else ""
        raise ScriptFailed(f"{path} can be written by others than its owner. Run: chmod go-w {path}{elsewhere}")
