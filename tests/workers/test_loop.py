"""The worker as a whole: when it ends by itself."""

import threading
from typing import Literal

import pytest
from sqlalchemy import text

from core.errors import SchemaMismatch
from core.handles import Handles
from core.workers.loop import run_workers
from tests.accounts import ON_SQLITE


@ON_SQLITE
@pytest.mark.parametrize("only", [None, "fetch", "send"])
def test_a_worker_ends_when_its_database_is_migrated_under_it(
    handles: Handles, only: Literal["fetch", "send"] | None
) -> None:
    migrated = text("UPDATE alembic_version SET version_num = 'newer'")
    handles.database.writing(lambda session: session.connection().execute(migrated) and None)
    stop = threading.Event()

    with pytest.raises(SchemaMismatch, match="migrated to newer while this worker ran"):
        run_workers(handles, only=only, stop=stop)
    assert stop.is_set()  # its other parts end too
