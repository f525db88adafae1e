"""What is configured holds as it is now: what is invalid or deleted counts as absent."""

import pytest

from core.gateway import open_gateway
from core.handles import Handles
from core.inbound.batch.rules import load_rules
from core.inbound.explain import explain
from core.models import AccountType
from core.services import settings
from core.services.actor import Actor
from core.services.configuration.catalogue import RESOURCES
from core.services.configuration.config_text import import_text
from core.services.what_if.explaining import account_named
from tests.accounts import ON_SQLITE, message

CONFIGURED = """
[[queue]]
name = "Support"
[[queue]]
name = "Sales"
[[address]]
address = "Support@example.com"
queue = "Support"
[[account]]
name = "a"
type = "IMAPS"
host = "imap.example.org"
username = "u@example.org"
[[account]]
name = "by queue"
type = "IMAPS"
host = "imap.example.org"
username = "v@example.org"
dispatching = "queue"
queue = "Sales"
[[filter]]
name = "priority"
match = [ { header = "Subject", regex = "Message" } ]
set = { "X-OTOBO-Priority" = "5 very high" }
"""

MORE = """
[[template]]
name = "relay"
smtp_host = "smtp.example.org"
[[mailbox]]
name = "out"
template = "relay"
username = "out@example.org"
[[handoff]]
name = "desk"
url = "https://desk.example.org/in"
"""


@pytest.fixture
def configured(handles: Handles, admin: Actor) -> Handles:
    import_text(handles, admin, CONFIGURED, "c.toml")
    return handles


def queue_of(handles: Handles, account: str = "a") -> str:
    return explain(handles, message(1), account_named(handles, account)).queue


@ON_SQLITE
@pytest.mark.parametrize(
    ("kind", "name", "change"),
    [
        ("address", "support@example.com", {"validity": "invalid"}),
        ("address", "support@example.com", {"validity": "invalid-temporarily"}),
        ("address", "support@example.com", None),
        ("queue", "Support", {"validity": "invalid"}),
    ],
    ids=["address invalid", "address invalid for now", "address deleted", "queue invalid"],
)
def test_what_is_invalid_or_deleted_gets_no_mail(
    configured: Handles, admin: Actor, kind: str, name: str, change: dict[str, str] | None
) -> None:
    assert queue_of(configured) == "Support"
    if change is None:
        RESOURCES[kind].delete(configured, admin, name)
    else:
        RESOURCES[kind].change(configured, admin, name, change)
    assert queue_of(configured) == "Raw"


@ON_SQLITE
def test_an_accounts_queue_that_is_invalid_falls_back_to_the_default(configured: Handles, admin: Actor) -> None:
    assert queue_of(configured, "by queue") == "Sales"
    RESOURCES["queue"].change(configured, admin, "Sales", {"validity": "invalid"})
    assert queue_of(configured, "by queue") == "Raw"


@ON_SQLITE
def test_a_deleted_filter_sets_nothing(configured: Handles, admin: Actor) -> None:
    account = account_named(configured, "a")
    assert explain(configured, message(1), account).values["priority"] == "5 very high"
    RESOURCES["filter"].delete(configured, admin, "priority")
    assert explain(configured, message(1), account).values["priority"] == "3 normal"


CHANGES = {
    "a filter": ("filter", "priority", {"set": {"X-OTOBO-Priority": "1 very low"}}),
    "a queue": ("queue", "Support", {"closed": "reject"}),
    "an address": ("address", "support@example.com", {"queue": "Sales"}),
    "an account": ("account", "by queue", {"address": "ours@example.org"}),
    "a mailbox": ("mailbox", "out", {"default_sender": "sender@example.org"}),
    "a hand-off": ("handoff", "desk", {"queues": ["Sales"]}),
}


@ON_SQLITE
@pytest.mark.parametrize("change", CHANGES)
def test_what_another_process_changes_holds_from_the_next_run_on(
    configured: Handles, admin: Actor, change: str
) -> None:
    import_text(configured, admin, MORE, "more.toml")
    account = account_named(configured, "a")
    before = load_rules(configured, account)
    kind, name, values = CHANGES[change]

    other = open_gateway(configured.environment)
    RESOURCES[kind].change(other, admin, name, values)
    other.close()

    assert load_rules(configured, account) != before


@ON_SQLITE
def test_a_changed_setting_holds_from_the_next_run_on(configured: Handles, admin: Actor) -> None:
    account = account_named(configured, "a")
    assert load_rules(configured, account).rules.plus_addressing is False
    settings.change(configured, admin, {"plus_addressing": True})
    assert load_rules(configured, account).rules.plus_addressing is True


@ON_SQLITE
def test_filters_are_compiled_once_while_nothing_changes(configured: Handles) -> None:
    of_all = [load_rules(configured, account_named(configured, name)).rules for name in ("a", "by queue")]
    assert of_all[0].filters is of_all[1].filters
    assert (of_all[0].account_queue, of_all[1].account_queue) == (None, "Sales")


def test_the_port_is_the_types_unless_one_is_set() -> None:
    ports = {"IMAP": 143, "IMAPS": 993, "IMAPTLS": 143, "POP3": 110, "POP3S": 995, "POP3TLS": 110}
    assert {kind.value: kind.default_port for kind in AccountType} == ports
