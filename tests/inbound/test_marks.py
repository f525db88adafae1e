"""What is noted of a folder when its server has numbered it anew."""

from core import clock
from core.handles import Handles
from core.inbound.marks import note_renumbered_gone
from core.models import Account, FolderMark, Message
from tests.accounts import LONG_AGO, ON_SQLITE, add_account, rows_of
from tests.console.rows import message


@ON_SQLITE
def test_only_what_waits_under_an_older_numbering_of_the_same_folder_is_done_with(handles: Handles) -> None:
    key = add_account(handles)
    [account] = rows_of(handles, Account, "id")
    waiting = {"account_id": key, "epoch": account.epoch, "folder": "INBOX", "uidvalidity": 1, "record_id": None}
    others = [
        {"uidvalidity": 2},
        {"folder": "Archive"},
        {"epoch": account.epoch + 1},
        {"state": "too_large"},
        {"acknowledged_at": LONG_AGO},
    ]
    for number, differs in enumerate([{}, *others], 1):
        of_message = message(number, "x", **{**waiting, **differs})
        handles.database.writing(lambda session, rows=of_message: session.add_all(rows))

    now = clock.utcnow()
    mark = FolderMark(account_id=key, epoch=account.epoch, folder="INBOX", uidvalidity=2)
    done = handles.database.writing(lambda session: note_renumbered_gone(session, account, mark, now))

    assert done == 1
    assert [row.acknowledged_at for row in rows_of(handles, Message, "id")] == [now, None, None, None, None, LONG_AGO]
