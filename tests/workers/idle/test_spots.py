"""Which folders are waited at, when there are more than connections."""

from core.db import bulk
from core.handles import Handles
from core.models import Setting
from core.workers.idle.spots import FOLDERS_EACH, Entry, Mine, Spot, spots_of, to_open
from tests.accounts import ON_SQLITE, add_account, at, change_account, fetched_well, message, records, status_of
from tests.fakes.proxy import Proxy
from tests.servers.certificates import Certificates
from tests.servers.dovecot import DovecotServer
from tests.waiting import until
from tests.workers.idle.idling import fetched, idling, is_due
from tui.demo.dovecot_config import DovecotOptions


def set_setting(handles: Handles, name: str, value: object) -> None:
    handles.database.writing(lambda session: bulk.upsert(session, Setting, [{"name": name, "value": value}]))


@ON_SQLITE
def test_new_mail_in_any_of_several_folders_is_heard(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    dovecot.create_folder(user, "Sales")
    account = add_account(handles, name=user, **at(dovecot, user), folders=["INBOX", "Sales"])
    fetched_well(handles, user)
    with idling(handles) as idler:
        until(lambda: len(idler) == 2)
        for folder in ("Sales", "INBOX"):
            assert not is_due(handles, account)
            dovecot.deliver(user, [message(f"{user}-{folder}")], folder)
            until(lambda: is_due(handles, account))
            fetched_well(handles, user)
    assert len(records(handles)) == 2


@ON_SQLITE
def test_a_server_that_allows_one_connection_is_listened_to_at_the_first_folder(
    handles: Handles, certificates: Certificates
) -> None:
    options = DovecotOptions(max_connections_per_user=1)
    with DovecotServer(certificates.good, users={}, options=options) as server:
        user = server.fresh_user()
        server.create_folder(user, "Sales")
        account = add_account(handles, name=user, **at(server, user), folders=["INBOX", "Sales"])
        fetched_well(handles, user)
        with Proxy(server.ports.imap) as proxy:
            change_account(handles, account, port=proxy.port, version=2)
            with idling(handles) as idler:
                until(lambda: len(idler) == 1 and proxy.connections == 2)
                server.deliver(user, [message("new")])
                until(lambda: is_due(handles, account))
                assert len(idler) == 1
    assert status_of(handles, account).idle_after is None


def test_every_account_is_listened_to_before_any_has_a_second_folder() -> None:
    many = Mine(1, 1, "a", is_well=True, folders=("INBOX", "One", "Two", "Three", "Four"))
    few = Mine(2, 1, "a", is_well=True, folders=("INBOX", "One"))
    assert list(spots_of([many, few], 3)) == [Spot(1, "INBOX"), Spot(2, "INBOX"), Spot(1, "One")]
    assert len(spots_of([many], 1000)) == FOLDERS_EACH
    assert spots_of([many], 0) == {}


def test_a_second_folder_is_opened_once_the_first_one_stands() -> None:
    entries = {Spot(1, "INBOX"): Entry(1, "a"), Spot(1, "One"): Entry(1, "a", is_first=False)}
    assert to_open(entries, 0.0) == [Spot(1, "INBOX")]
    entries[Spot(1, "INBOX")].is_open = True
    assert to_open(entries, 0.0) == [Spot(1, "One")]


def test_no_more_connections_than_the_setting_says(handles: Handles, dovecot: DovecotServer) -> None:
    for _ in range(3):
        fetched(handles, dovecot)
    set_setting(handles, "idle_max", 2)
    with idling(handles) as idler:
        until(lambda: len(idler) == 2)
        set_setting(handles, "idle_max", 0)
        until(lambda: len(idler) == 0)
