"""What must be refused wherever it is tried: the world it is tried in, what is given, and what is said."""

from dataclasses import dataclass
from typing import Any

WORLD = """
[[template]]
name = "Relay"
smtp_host = "relay.example.org"
[[mailbox]]
name = "a"
template = "Relay"
failover = "b"
[[mailbox]]
name = "b"
template = "Relay"
failover = "c"
[[mailbox]]
name = "c"
template = "Relay"
[[account]]
name = "post"
type = "IMAPS"
host = "imap.example.org"
username = "post@example.org"
"""


@dataclass(frozen=True)
class Refusal:
    """A change that is refused."""

    kind: str
    name: str
    given: dict[str, Any]
    field: str
    """The one that the complaint stands beside."""
    said: str


ON_SAVE = [
    Refusal("mailbox", "c", {"failover": "a"}, "failover", "makes a loop: c → a → b → c."),
    Refusal("mailbox", "c", {"failover": "c"}, "failover", "makes a loop: c → c."),
    Refusal("mailbox", "b", {"active": False}, "active", "must stay on: it is the failover of a."),
    Refusal("mailbox", "c", {"read_inbox": True, "username": "u"}, "read_inbox", "the template 'Relay' has none"),
    Refusal("mailbox", "c", {"force_from": True}, "default_sender", "is missing; it is what From is replaced by."),
    Refusal("account", "post", {"after_fetch": "move"}, "move_to", "is missing; name the folder"),
    Refusal("account", "post", {"after_fetch": "move", "move_to": "inbox"}, "move_to", "is fetched itself (inbox)"),
    Refusal("account", "post", {"folders": ["INBOX", "A", "inbox"]}, "folders", "names INBOX twice"),
    Refusal("account", "post", {"type": "POP3S", "after_fetch": "move", "move_to": "x"}, "after_fetch", "move needs IMAP"),
    Refusal("account", "post", {"dispatching": "queue"}, "queue", "is missing; dispatching by queue needs one."),
]  # fmt: skip

ON_DELETE = [
    ("template", "Relay", "Template Relay was not deleted: 3 mailboxes still use it (a, b, c). Delete them or give"),
    ("mailbox", "c", "Mailbox c was not deleted: it is the failover of b. Give it another failover first."),
]
