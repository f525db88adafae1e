"""A PostgreSQL server that only answers: a standby, or one that is being looked after."""

import psycopg
import pytest

from core.errors import StoreBusy
from core.gateway import open_gateway
from core.handles import Handles
from core.models import Queue
from core.services.doctor.examination import Level, examine
from tests.accounts import ON_POSTGRES


@ON_POSTGRES
def test_what_it_refuses_and_what_to_do_is_told_by_commands_and_doctor(handles: Handles) -> None:
    environment = handles.environment
    with psycopg.connect(environment.database_url, autocommit=True) as owner:
        name = owner.info.dbname
        owner.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')  # type: ignore[call-overload]
    reopened = open_gateway(environment)
    with pytest.raises(StoreBusy, match=r"takes no changes now; nothing was changed.+name that in database_url"):
        reopened.database.writing(lambda session: session.add(Queue(name="x")))
    reopened.close()
    findings = {one.check: one for one in examine(environment, lambda: open_gateway(environment))}
    assert findings["engine"].level is Level.ERROR
    assert "takes no changes" in findings["engine"].text
