"""The configuration of the demo world, as the TOML that `postroom config import` takes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tui.demo.mails import COMPANY

PASSWORD = "a demo has no secrets"  # noqa: S105 - of servers on loopback that live for minutes
"""Of every login in the demo world."""

DESK = f"desk@{COMPANY}"
"""The mailbox that support and sales share."""

OFFICE = f"office@{COMPANY}"
"""The mailbox whose mail goes to one queue."""

SENDERS = (f"support@{COMPANY}", f"sales@{COMPANY}")
"""Who the demo's mailboxes send as, one each."""


@dataclass(frozen=True)
class Places:
    """Where the demo's servers listen."""

    host: str
    desk_port: int
    office_type: str
    """POP3S, unless the server speaks IMAP alone."""
    office_port: int
    relay_port: int
    authority: Path
    """The certificate authority that signed for them all."""


def configuration(places: Places) -> str:
    """All that the demo needs: queues, addresses, filters, two accounts, two mailboxes."""
    return "\n".join((_queues(), _filters(), _accounts(places), _mailboxes(places)))


def _queues() -> str:
    queues = "".join(f'[[queue]]\nname = "{name}"\n' for name in ("Support", "Sales", "Office"))
    addresses = "".join(
        f'[[address]]\naddress = "{name.lower()}@{COMPANY}"\nqueue = "{name}"\n' for name in ("Support", "Sales")
    )
    return queues + addresses


def _filters() -> str:
    return """\
[[filter]]
name = "010 spam"
stop = true
match = [{ header = "X-Spam-Flag", regex = "^yes" }]
set = { "X-OTOBO-Queue" = "Junk" }

[[filter]]
name = "020 urgent"
match = [{ header = "Subject", regex = "urgent|down|broken|asap" }]
set = { "X-OTOBO-Priority" = "5 very high" }
"""


def _accounts(places: Places) -> str:
    return f"""\
[[account]]
name = "desk"
type = "IMAPS"
host = "{places.host}"
port = {places.desk_port}
username = "{DESK}"
password = "{PASSWORD}"
tls_ca = {json.dumps(str(places.authority))}
interval = "5s"
comment = "Demo: sorted by the address in To"

[[account]]
name = "office"
type = "{places.office_type}"
host = "{places.host}"
port = {places.office_port}
username = "{OFFICE}"
password = "{PASSWORD}"
tls_ca = {json.dumps(str(places.authority))}
dispatching = "queue"
queue = "Office"
after_fetch = "delete"
interval = "5s"
comment = "Demo: all into one queue, deleted on the server"
"""


def _mailboxes(places: Places) -> str:
    template = f"""\
[[template]]
name = "Demo relay"
smtp_host = "{places.host}"
smtp_port = {places.relay_port}
smtp_security = "starttls"
tls_ca = {json.dumps(str(places.authority))}
"""
    mailboxes = "".join(
        f"""\
[[mailbox]]
name = "{sender.partition("@")[0]}"
template = "Demo relay"
username = "{sender}"
password = "{PASSWORD}"
default_sender = "{sender}"
"""
        for sender in SENDERS
    )
    return template + mailboxes
