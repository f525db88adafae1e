"""The doctor at this machine: the data folder, the key, the disk."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from core.data_folder import closed_to_owner, free_bytes, home_out_of_reach
from core.environment import Environment
from core.errors import PostroomError, SecretUnreadable
from core.services.doctor.finding import Finding, Level
from core.settings import RuntimeSettings, write_size
from core.vault.choice import key_place
from core.vault.keys import find_key

_LITTLE = 64 << 20
"""Free bytes that are few whatever the setting says."""


def home(environment: Environment) -> Finding:
    """Whether the data folder can be worked in, and by nobody else."""
    try:
        is_there = environment.home.exists()
    except PermissionError:
        return Finding("home", Level.ERROR, str(home_out_of_reach(environment.home)))
    if not is_there:
        return Finding("home", Level.OK, f"{environment.home} is made at first use")
    found = environment.home.stat()
    if found.st_uid == os.geteuid() and not os.access(environment.home, os.R_OK | os.W_OK | os.X_OK):
        return Finding("home", Level.ERROR, closed_to_owner(environment.home))
    if found.st_mode & stat.S_IRWXO:
        return Finding("home", Level.WARNING, f"{environment.home} is open to others. Run: chmod o= {environment.home}")
    return Finding("home", Level.OK, str(environment.home))


def key(environment: Environment) -> Finding:
    """Whether the key is there and can be read by whom it is for."""
    place = key_place(environment)
    try:
        if not environment.home.exists() and not place.exists():
            return Finding("key", Level.OK, f"{place.name} is made at first use")
        return Finding("key", Level.OK, f"{place.name} (id {find_key(environment).id})")
    except PostroomError as error:
        # The home, or the key alone: a unit hands its service a copy of what is root's.
        places = (environment.home, Path(place.name))
        is_anothers = any(os.access(one, os.F_OK) and one.stat().st_uid != os.geteuid() for one in places)
        if isinstance(error, SecretUnreadable) and is_anothers and place.exists():
            return Finding("key", Level.OK, f"{place.name} is for the service alone")
        return Finding("key", Level.ERROR, str(error))


def disk(environment: Environment, settings: RuntimeSettings) -> Finding:
    """Whether there is room for what comes in."""
    free = free_bytes(environment.home)
    if free < settings.min_free_disk:
        wanted = write_size(settings.min_free_disk)
        return Finding("disk", Level.ERROR, f"{free >> 20} MiB free; fetching stops below {wanted}. Free some space.")
    level = Level.WARNING if free < max(2 * settings.min_free_disk, _LITTLE) else Level.OK
    return Finding("disk", level, f"{free >> 20} MiB free")
