"""Messages that the last run had copied when it was cut off, on a server that cannot move."""

import pytest
from sqlalchemy import update

from core.db.bulk import table_of
from core.handles import Handles
from core.models import Message
from tests.accounts import (
    ON_SQLITE,
    add_account,
    at,
    expire_leases,
    fetch_once,
    fetched_well,
    message,
)
from tests.servers.certificates import Certificates
from tests.servers.dovecot import DovecotServer, capabilities_without
from tui.demo.dovecot_config import DovecotOptions


def raw_mails(server: DovecotServer, user: str, folder: str) -> list[bytes]:
    return sorted(mail.raw for mail in server.mails(user, folder))


@ON_SQLITE
def test_as_many_are_copied_as_were_not_when_the_last_run_was_cut_off_each_to_its_own_folder(
    handles: Handles, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin, other = message("twin"), message("other")
    options = DovecotOptions(imap_capability=capabilities_without("MOVE"))
    with DovecotServer(certificates.good, users={}, options=options) as server:
        user = server.fresh_user()
        add_account(handles, after_fetch="move", move_to="Done", **at(server, user))
        server.deliver(user, [twin, twin, other])
        with monkeypatch.context() as patched:
            patched.setattr(handles.renewer, "outlives", lambda lease, seconds: False)
            assert fetch_once(handles, "a").error
        expire_leases(handles)
        # The last one is of a time when the rule said something else.
        moved = update(table_of(Message)).where(table_of(Message).c.uid == 3).values(move_to="Filed")
        handles.database.writing(lambda session: session.connection().execute(moved) and None)
        # One of the twins was copied, and somebody keeps a copy of the other where it does not belong.
        server.deliver(user, [twin, other], "Done")

        fetched_well(handles)

        assert raw_mails(server, user, "INBOX") == []
        assert raw_mails(server, user, "Done") == sorted([twin, twin, other])
        assert raw_mails(server, user, "Filed") == [other]
