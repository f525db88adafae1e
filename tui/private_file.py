"""Files that are written for the one who asked, and for nobody else: mail, configuration, run logs."""

from __future__ import annotations

import os
from pathlib import Path

from core.errors import CannotWrite


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read; one that is there is overwritten.

    Raises:
        CannotWrite: it cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as target:
            target.write(data)
    except OSError as error:
        raise CannotWrite(f"{path} cannot be written: {error.strerror}.") from error
