"""Configuration files that are taken as they are."""

EXAMPLE = """
[[queue]]
name = "Support"

[[account]]
name = "support"
type = "IMAPS"
host = "imap.example.org"
username = "support@example.org"
password = { env = "SUPPORT_PASSWORD" }
dispatching = "queue"
queue = "Support"

[[filter]]
name = "010 spam"
stop = true
match = [ { header = "X-Spam-Flag", regex = "yes" }, { header = "Subject", regex = "invoice", negate = true } ]
set = { "X-OTOBO-Ignore" = "yes" }
"""

FORWARD = """
[settings]
default_queue = "First"
[settings.alerts]
mailbox = "a"
[[account]]
name = "in"
type = "POP3S"
host = "h"
username = "u"
dispatching = "queue"
queue = "First"
start_from = 2026-01-31
[[address]]
address = "help@example.org"
queue = "First"
[[mailbox]]
name = "a"
template = "T"
failover = "b"
[[mailbox]]
name = "b"
template = "T"
profile = "p"
[[template]]
name = "T"
smtp_host = "h"
[[profile]]
name = "p"
provider = "gmail"
method = "refresh_token"
client_id = "x"
[[queue]]
name = "First"
[[queue]]
name = "Raw"
validity = "invalid"
"""
