"""For maintainers: `python -m core.db.migrations.make "what changed"` writes the next migration from the models."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command

from core.db.engine import make_engine
from core.db.upgrade import alembic_config


def make_migration(message: str, revision: str) -> None:
    """Compare the models with a database at the newest revision and write the difference as a migration."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "at_head.db"
        file.touch()
        engine = make_engine(f"sqlite:///{file}", query_only=False)
        with engine.connect() as connection:
            config = alembic_config(connection)
            command.upgrade(config, "head")
            command.revision(config, message, autogenerate=True, rev_id=revision)
        engine.dispose()


if __name__ == "__main__":
    make_migration(sys.argv[1], sys.argv[2])
