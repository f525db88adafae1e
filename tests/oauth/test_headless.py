"""Workers log in with tokens as anybody does: they fetch, send and wait for new mail, for longer than a token lives."""

import threading

from core.workers.idle import spots as idle_spots
from core.workers.idle.idler import Idler
from core.workers.loop import run_workers
from tests.accounts import ON_SQLITE, at, fetched_well, message, records
from tests.fakes.proxy import Proxy
from tests.oauth.worlds import add_profile, add_signer
from tests.outbound.world import add_mailbox, put, states
from tests.waiting import until

pytestmark = ON_SQLITE


def test_a_worker_fetches_and_sends_with_tokens(handles, provider, token_dovecot, token_sink):
    user = provider.application_user = token_dovecot.fresh_user()
    token_dovecot.deliver(user, [message(1)])
    profile_id = add_profile(handles, provider, "client_secret")
    add_signer(handles, profile_id, **at(token_dovecot, user))
    add_mailbox(handles, "m", token_sink, t_smtp_auth=True, username=user, profile_id=profile_id)
    put(handles)
    run_workers(handles, once=True)
    assert (len(records(handles)), states(handles)) == (1, ["sent"])


def test_a_connection_that_waits_for_mail_comes_back_with_a_new_token(handles, provider, token_dovecot, monkeypatch):
    monkeypatch.setattr(idle_spots, "FIRST_PAUSE", 0.1)
    user = provider.application_user = token_dovecot.fresh_user()
    token_dovecot.deliver(user, [message(1)])
    with Proxy(token_dovecot.ports.imap) as proxy:
        place = at(token_dovecot, user) | {"port": proxy.port}
        add_signer(handles, add_profile(handles, provider, "client_secret"), **place)
        fetched_well(handles)
        idler = Idler(handles, threading.Event(), look=0.05)
        idler.start()
        try:
            until(lambda: len(idler) == 1)
            provider.access.clear()  # it runs out while the connection stands, and the server ends it
            connections = proxy.connections
            proxy.cut_all()
            # One connection with the old token, which is refused, and one with the new.
            until(lambda: proxy.connections == connections + 2 and len(idler) == 1)
            assert len(provider.asked) == 2
        finally:
            idler.close()
