"""What codes and words of providers say a refusal is about, beyond the place in the dialogue where it comes.

Sources: RFC 3463 and its registry (RFC 5248), RFC 4954 §6, RFC 7372, RFC 7505 §4.2; Microsoft's "Email non-delivery
reports and SMTP errors in Exchange Online"; Google's "Gmail SMTP errors and codes"; Postfix's smtpd and Exim's default
texts; Twilio's SendGrid and Amazon's SES troubleshooting pages.
"""

from __future__ import annotations

import re

_LOGIN_WANTED = frozenset({530, 535, 538})
"""Only a login, or TLS before it, helps (RFC 4954 §6); servers that put it off say so at RCPT or DATA."""

_OF_THE_ACCOUNT = re.compile(r"5\.1\.90$|5\.4\.5$|5\.7\.(?:57|64|50[1-3]|506|508|511|6(?:0[6-9]|[1-4]\d)|705|708)$")
"""A day's limit (5.4.5 is congestion in RFC 3463 §3.5), blocked accounts, tenants and machines, no login."""

_ABOUT_THE_ACCOUNT = re.compile(
    r"""
      daily\ (?:(?:user|smtp|message|sending|relay)\ )+(?:limit|quota)          # Gmail, Amazon SES
    | your\ daily\ (?:limit|quota) | submission\ ?quota                         # Exchange
    | smtp\ relay\ (?:sending\ )?limit                                         # Gmail
    | (?:sending|outgoing|outbound|sender)\ (?:rate\ |message\ )?(?:limit|quota)  # policy servers
    | maximum\ credits\ exceeded                                               # SendGrid
    | bad\ outbound\ sender | banned\ sending\ ip                              # Exchange's 5.1.8 and 5.7.606
    | (?:your|sending|sender)\ account\ (?:is|was|has)\b
    | client\ was\ not\ authenticated | authentication\ (?:is\ )?required
    | client\ host\b | helo\ command\ rejected                                 # Postfix: this machine is on a list
    """,
    re.IGNORECASE | re.VERBOSE,
)

_ABOUT_A_RECIPIENT = re.compile(r"RESOLVER\.RST\.|(?:undeliverable|unverified) address:", re.IGNORECASE)
"""Exchange's recipients who take mail from their own organisation alone; what Postfix heard when it asked theirs."""

_OF_THE_SENDER = re.compile(r"[45]\.1\.[78]$|5\.2\.252$|5\.7\.(?:60|750|800)$")
"""Bad sender's address or domain (RFC 3463 §3.2); Exchange: no right to send as it, a domain that is not registered."""

_OF_ITS_DOMAIN = re.compile(r"5\.7\.(?:2[0-4]|26|27|509)$")
"""The sender's domain does not let this server send for it, or takes no mail: DKIM, SPF, DMARC, null MX."""

_ABOUT_THE_SENDER = re.compile(
    r"""
      sendasdenied | \bsend\ as\ this\ sender                                   # Exchange
    | \ballowed\ to\ send\ (?:mail\ |messages\ )?(?:as|from)\b
    | \bauthorized\ to\ send\ from\b | verified\ sender\ identity              # SendGrid
    | sender\ (?:address\ )?(?:was\ |is\ )?(?:rejected|refused|denied|not\ allowed)  # Postfix, GMX, Zoho
    | not\ owned\ by\ (?:auth\ )?user                                           # Postfix, Yandex
    | sender\ verif(?:y|ication)\ failed                                        # Exim
    | from\ address\ (?:is\ )?not\ (?:one\ of|verified|allowed)                 # iCloud, Yahoo
    | relaying\ disallowed\ as\b                                               # Zoho
    | email\ address\ is\ not\ verified                                         # Amazon SES
    """,
    re.IGNORECASE | re.VERBOSE,
)

# "5.7.1" and "5.7.0" say only "not allowed": they are about the sender when their text says so.
_NAMES_A_SENDER = re.compile(
    r"\b(?:sender|send[\s-]?as|send on behalf|(?:mail|envelope)[\s-]?from|from[\s-](?:address|header)|return[\s-]path)",
    re.IGNORECASE,
)

_GREYLISTING = re.compile(r"\bgr[ae]y-?\ ?list", re.IGNORECASE)
"""Rspamd's and milters' that wait for the whole message."""

_CONNECTIONS = re.compile(r"^4.*(?:concurrent|thread limit|too many (?:\w+ )?connections)", re.IGNORECASE)
"""One more than a login may have at a time: Exchange says so only to a message (432 4.3.2)."""


def is_about_connections(text: str) -> bool:
    """Whether a refusal, its code first, is about how many connections there are."""
    return _CONNECTIONS.match(text) is not None


def is_about_the_account(code: int, enhanced: str, text: str) -> bool:
    """Whether nothing leaves by this login or this machine for now, whoever a message is from and for."""
    if code in _LOGIN_WANTED or _OF_THE_ACCOUNT.match(enhanced):
        return True
    return _ABOUT_THE_ACCOUNT.search(text) is not None and _ABOUT_A_RECIPIENT.search(text) is None


def is_about_the_sender(enhanced: str, text: str, sender: str) -> bool:
    """Whether this login may not send for this message's sender; `sender` is that of the envelope."""
    if _OF_THE_SENDER.match(enhanced) or _ABOUT_THE_SENDER.search(text):
        return True
    return enhanced in ("5.7.0", "5.7.1") and (_NAMES_A_SENDER.search(text) is not None or _names(sender, text))


def is_about_its_domain(enhanced: str) -> bool:
    """Whether the sender's own domain is why it is refused here: another server may be allowed to send for it."""
    return _OF_ITS_DOMAIN.match(enhanced) is not None


def is_greylisting(text: str) -> bool:
    """Whether who asks again later is taken: it remembers who asked."""
    return _GREYLISTING.search(text) is not None


def _names(sender: str, text: str) -> bool:
    """Whether a reply names the sender, and not as the recipient of a message to himself."""
    lowered = text.lower()
    return bool(sender) and sender.lower() in lowered and "recipient" not in lowered
