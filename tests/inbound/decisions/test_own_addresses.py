"""Which addresses count as ours in the loop guard."""

from core import clock
from core.handles import Handles
from core.inbound.batch.rules import load_rules
from core.models import Worker
from core.services.actor import Actor
from core.services.configuration.config_text import import_text
from core.services.what_if.explaining import account_named
from tests.accounts import add_account
from tests.services.worlds import put

WORLD = """
[[queue]]
name = "Support"
address = "Answers@example.com"
[[address]]
address = "Help@example.com"
queue = "Support"
[[template]]
name = "relay"
smtp_host = "smtp.example.org"
smtp_port = 587
[[mailbox]]
name = "outgoing"
template = "relay"
username = "login@example.org"
default_sender = "News@example.com"
[[mailbox]]
name = "plain"
template = "relay"
username = "not an address"
"""


def test_addresses_of_queues_accounts_and_mailboxes_are_ours(handles: Handles, admin: Actor) -> None:
    import_text(handles, admin, WORLD, "world.toml")
    add_account(handles, name="inbox", address="Inbox@example.com", username="inbox-login")
    rules = load_rules(handles, account_named(handles, "inbox")).rules
    assert rules.loop.own_addresses == {
        "answers@example.com",
        "help@example.com",
        "inbox@example.com",
        "login@example.org",
        "news@example.com",
    }


def test_what_left_through_any_of_our_machines_is_ours(handles: Handles) -> None:
    add_account(handles, name="inbox")
    now = clock.utcnow()
    put(
        handles,
        Worker(id="w1", host="mail02", pid=1, started_at=now, heartbeat_at=now),
        Worker(id="w2", host="Größe 3", pid=2, started_at=now, heartbeat_at=now),
    )
    rules = load_rules(handles, account_named(handles, "inbox")).rules
    assert rules.loop.host_marks == {handles.mark, "mail02", "postroom"}
