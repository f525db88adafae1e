"""What a sink has taken, and the file that survives its end."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True)
class Delivered:
    """One message that a sink has taken."""

    sender: str
    """The envelope's sender; empty for the null sender."""
    recipients: tuple[str, ...]
    """The envelope's recipients, in the order they were given."""
    raw: bytes
    """The message as it came, without the dots that stuff lines (RFC 5321 §4.5.2)."""
    at: datetime
    """When the final dot was read."""
    tls: bool
    """Whether it came inside TLS."""
    user: str | None
    """Who had logged in."""
    connection: int
    """The number of the connection it came on, from 1."""
    options: tuple[str, ...] = ()
    """The parameters of MAIL, such as `BODY=8BITMIME`."""


def append(path: Path, delivered: Delivered) -> None:
    """Add one line to the ledger file and sync it to the disk."""
    facts = asdict(delivered) | {"raw": delivered.raw.decode("latin-1"), "at": delivered.at.isoformat()}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(facts) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> Iterator[Delivered]:
    """All that stands in the ledger file."""
    if not path.exists():
        return
    with path.open(encoding="utf-8") as file:
        for line in file:
            facts = json.loads(line)
            yield Delivered(
                sender=facts["sender"],
                recipients=tuple(facts["recipients"]),
                raw=facts["raw"].encode("latin-1"),
                at=datetime.fromisoformat(facts["at"]),
                tls=facts["tls"],
                user=facts["user"],
                connection=facts["connection"],
                options=tuple(facts["options"]),
            )
