"""Where a database is: a URL that names a file of SQLite or a server of PostgreSQL, and nothing else."""

from __future__ import annotations

from pathlib import Path

from core.errors import ConfigurationError

_KNOWN = ("sqlite:////", "postgresql://")


def refuse_other_databases(url: str) -> None:
    """Refuse what names no database of ours; the sentence shows no more than its beginning: it may hold a password.

    Raises:
        ConfigurationError: it is of another kind, or its file is relative: each folder would have another database.
    """
    if url.startswith(_KNOWN):
        return
    scheme, separator, _ = url.partition("://")
    what = f"{scheme}://… is neither" if separator else "what was given is neither"
    raise ConfigurationError(
        f"A database is sqlite:////its/whole/path or postgresql://USER@HOST/NAME; {what}. "
        "Name one of them (POSTROOM_DATABASE_URL)."
    )


def logs_of(file: Path) -> list[Path]:
    """What SQLite keeps beside a database and belongs to that one alone."""
    return [file.with_name(file.name + end) for end in ("-wal", "-journal")]
