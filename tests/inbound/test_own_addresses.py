"""Which addresses count as ours in the loop guard."""

from core.handles import Handles
from core.inbound.rules import load_rules
from core.services.actor import Actor
from core.services.config_text import import_text
from core.services.explaining import account_named
from tests.accounts import add_account

WORLD = """
[[queue]]
name = "Support"
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
        "help@example.com",
        "inbox@example.com",
        "login@example.org",
        "news@example.com",
    }
