"""The doctor at the servers of accounts and mailboxes."""

from datetime import timedelta

import pytest

from core import clock
from core.handles import Handles
from core.models import Worker
from core.services.doctor.finding import Finding, Level
from core.services.doctor.servers import servers
from tests.accounts import ON_SQLITE, add_account, at, change_account, change_status, stored
from tests.fakes.holding import holding
from tests.fakes.imap import ScriptedImap
from tests.fakes.pop3 import ScriptedPop3
from tests.fakes.steps import GREETING
from tests.outbound.world import add_mailbox
from tests.servers.dovecot import DovecotServer
from tests.servers.smtp import RuledSink
from tests.services.worlds import put

pytestmark = ON_SQLITE

IN_A_MINUTE = timedelta(minutes=1)


def looked_at(handles: Handles) -> tuple[str, list[Finding]]:
    """The sum, and what is closed."""
    first, *closed = servers(handles, clock.utcnow())
    assert (first.check, first.level) == ("servers", Level.OK)
    return first.text, closed


def closed(handles: Handles) -> dict[str, tuple[Level, str]]:
    return {finding.check: (finding.level, finding.text) for finding in looked_at(handles)[1]}


def test_each_gets_in_and_nothing_is_fetched_sent_or_changed(
    handles: Handles, dovecot: DovecotServer, smtp_sink: RuledSink
) -> None:
    for kind in ("IMAPS", "IMAPTLS", "POP3S"):
        user = dovecot.fresh_user()
        dovecot.deliver(user, [b"Subject: x\r\n\r\n"])
        add_account(handles, name=kind, **at(dovecot, user, kind))
    add_mailbox(handles, "main", smtp_sink)
    assert looked_at(handles) == ("3 accounts and 1 mailbox get in", [])
    assert stored(handles) == []
    assert (smtp_sink.connections, smtp_sink.deliveries) == (1, [])
    assert all(r"\Seen" not in mail.flags for mail in dovecot.mails(user))


def test_what_does_not_get_in_is_an_error_that_says_what_to_change(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    where = at(dovecot, user)
    add_account(handles, name="fine", **where)
    add_account(handles, name="wrong", password="wrong", **where)
    add_account(handles, name="unknown", host="nowhere.invalid")
    add_account(handles, name="untrusted", **{**at(dovecot, user, "IMAPS"), "tls_ca": ""})
    told, findings = looked_at(handles)
    assert told == "1 account and 0 mailboxes get in"
    assert [(one.check, one.level) for one in findings] == [
        ("account unknown", Level.ERROR),
        ("account untrusted", Level.ERROR),
        ("account wrong", Level.ERROR),
    ]
    unknown, untrusted, wrong = (one.text for one in findings)
    assert "nowhere.invalid" in unknown
    assert "certificate" in untrusted
    assert wrong.endswith("Step by step: postroom test account wrong")


def test_a_relay_is_tried_at_its_fallback_too_and_a_failover_though_inactive(
    handles: Handles, smtp_sink: RuledSink
) -> None:
    gone = RuledSink()
    with gone:
        pass
    failover = add_mailbox(handles, "failover", gone, active=False)
    add_mailbox(handles, "unused", gone, active=False)
    add_mailbox(handles, "main", gone, failover=failover, t_fallback=True, t_fallback_port=smtp_sink.port,
                t_fallback_security="none")  # fmt: skip
    add_mailbox(handles, "without", smtp_sink, t_smtp_host="")
    told, findings = looked_at(handles)
    assert told == "0 accounts and 1 mailbox get in"
    assert [one.check for one in findings] == ["mailbox failover", "mailbox without"]
    assert "names no SMTP host" in findings[1].text


def test_who_asks_to_be_left_alone_is_a_warning(handles: Handles) -> None:
    with ScriptedImap(holding({}, {"LOGIN": ["$tag NO [LIMIT] too many connections"]})) as server:
        add_account(handles, name="busy", port=server.port)
        assert closed(handles)["account busy"][0] is Level.WARNING


def test_at_a_server_that_is_gone_the_others_are_not_waited_for(handles: Handles) -> None:
    for number in range(9):
        add_account(handles, name=f"a{number}", host="nowhere.invalid")
    told, findings = looked_at(handles)
    assert told == "0 accounts and 0 mailboxes get in"
    # Four at once, as the setting for one server says; each leaves the rest of its own.
    assert [one.check for one in findings] == ["account a0", "account a1", "account a2", "account a3"]
    assert [one.text.partition("not tried: ")[2] for one in findings] == ["2 others", "1 other", "1 other", "1 other"]


@pytest.mark.parametrize("why", ["a run is at it", "a worker idles on it"])
def test_what_a_worker_has_open_is_not_disturbed(handles: Handles, why: str) -> None:
    account = add_account(handles, host="nowhere.invalid")
    now = clock.utcnow()
    if why == "a run is at it":
        change_status(handles, account, lease_until=now + IN_A_MINUTE)
    else:
        change_status(handles, account, idle_owner="w")
        assert "account a" in closed(handles)  # whoever did is dead
        put(handles, Worker(id="w", host="h", pid=1, role="fetch", version="", started_at=now, heartbeat_at=now))
    assert looked_at(handles) == ("1 account and 0 mailboxes get in", [])


@pytest.mark.parametrize("why", ["invalid", "deleted", "paused"])
def test_what_nobody_wants_fetched_is_left_alone(handles: Handles, why: str) -> None:
    account = add_account(handles, host="nowhere.invalid")
    if why == "paused":
        change_status(handles, account, paused=True)
    else:
        change_account(handles, account, **({"validity": why} if why == "invalid" else {"deleted_at": clock.utcnow()}))
    assert looked_at(handles) == ("0 accounts and 0 mailboxes get in", [])


def test_who_may_not_read_the_key_goes_as_far_as_the_login(
    handles: Handles, dovecot: DovecotServer, smtp_sink: RuledSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handles.vault, "can_open", lambda: False)
    with ScriptedImap() as imap, ScriptedPop3() as pop3, ScriptedImap({GREETING: ["* BYE out of order"]}) as broken:
        add_account(handles, name="imap", port=imap.port)
        add_account(handles, name="pop3", type="POP3", port=pop3.port)
        add_account(handles, name="starttls", **at(dovecot, dovecot.fresh_user(), "IMAPTLS"))
        add_account(handles, name="broken", port=broken.port)
        add_mailbox(handles, "main", smtp_sink, t_smtp_auth=True)
        told, findings = looked_at(handles)
        assert (imap.keys, pop3.keys) == ([], [])
    assert told == ("3 accounts and 1 mailbox find their server; signing in was not tried: the key is the service's")
    assert [one.check for one in findings] == ["account broken"]
