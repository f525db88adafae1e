"""Messages that are stored and that their server will not delete or move: a person is told, once it is no chance."""

from sqlalchemy import update

from core.db.bulk import table_of
from core.handles import Handles
from core.inbound.troubles import tell_troubles
from core.models import Alert, Message
from core.services.actor import Actor
from core.services.configuration import stored_rule
from tests.accounts import ON_SQLITE, add_account, at, change_account, fetched_well, message, rows_of
from tests.servers.dovecot import DovecotServer


def alerts(handles: Handles) -> list[tuple[str, bool]]:
    tell_troubles(handles)
    return [(row.subject, row.closed_at is None) for row in rows_of(handles, Alert, "id")]


def test_what_a_server_would_not_move_in_three_runs_is_told_until_it_is_mended(
    handles: Handles, dovecot: DovecotServer, admin: Actor
) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(1), message(2)])
    account = add_account(handles, name="support", after_fetch="move", move_to="No//Where", **at(dovecot, user))
    fetched_well(handles, "support")
    fetched_well(handles, "support")
    assert alerts(handles) == []
    fetched_well(handles, "support")
    assert alerts(handles) == [("acknowledge:support", True)]
    (alert,) = rows_of(handles, Alert, "id")
    assert alert.text.startswith("2 stored messages of account support could not be deleted, moved or marked on the")
    assert "three runs. The server refused (move, 'No//Where'): [CANNOT]" in alert.text

    change_account(handles, account, move_to="Done")
    stored_rule.apply(handles, admin, "support")
    fetched_well(handles, "support")
    assert alerts(handles) == [("acknowledge:support", False)]
    assert len(dovecot.mails(user, "Done")) == 2


@ON_SQLITE
def test_what_only_waits_for_its_turn_is_no_trouble_though_others_were_refused_before(
    handles: Handles, dovecot: DovecotServer
) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(1)])
    add_account(handles, name="support", after_fetch="move", move_to="No//Where", **at(dovecot, user))
    for _ in range(3):
        fetched_well(handles, "support")
    dovecot.remove(user, 1)
    fetched_well(handles, "support")
    # A worker stores the next one this moment, and has not come to moving it.
    waits = update(table_of(Message)).values(acknowledged_at=None)
    handles.database.writing(lambda session: session.connection().execute(waits))
    assert alerts(handles) == []
