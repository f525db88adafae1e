"""A message that kills whoever reads it is retried by a person: who asked outlives it."""

from pathlib import Path

import pytest

from core.errors import NotFound
from core.handles import Handles
from core.models import Quarantine
from core.services import quarantine
from core.services.actor import Actor
from tests.accounts import (
    ON_SQLITE,
    add_account,
    at,
    claim_account,
    expire_leases,
    fetched_well,
    message,
    records,
    rows_of,
    stored,
)
from tests.crash.test_fetch_careful import startup
from tests.servers.dovecot import DovecotServer

SAYS_SO_AND_EXITS = "import os; os.write(2, raw); os._exit(7)"


@ON_SQLITE
def test_a_deadly_message_is_read_in_a_process_of_its_own_until_it_does_no_harm(
    handles: Handles,
    dovecot: DovecotServer,
    admin: Actor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message("deadly")])
    account = add_account(handles, **at(dovecot, user))
    assert claim_account(handles, account) is not None  # a run that it has killed
    expire_leases(handles)
    with monkeypatch.context() as deadly:
        for name, value in startup(tmp_path, SAYS_SO_AND_EXITS).items():
            deadly.setenv(name, value)
        assert fetched_well(handles).counts.quarantined == 1
        [one] = stored(handles)

        capfd.readouterr()
        # The word kills new processes only: had it been read here, it would be recorded.
        assert quarantine.retry(handles, admin, one.id) == "quarantined"
        assert quarantine.release(handles, admin, one.id, "Raw") == "quarantined"
        assert capfd.readouterr() == ("", "")  # a console's screen

    [row] = rows_of(handles, Quarantine, "message_id")
    assert (row.reason, row.detail, row.attempts) == ("the process that took it died again", "exit code 7", 3)
    with pytest.raises(NotFound, match="queue"):
        quarantine.release(handles, admin, one.id, "Nowhere")
    assert quarantine.retry(handles, admin, one.id) == "recorded"
    assert len(records(handles)) == 1
