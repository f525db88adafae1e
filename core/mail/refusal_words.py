"""Whether a recipient's address is why mail to it came back: what the code says, and what the words say of the code.

Servers give 5.1.1 to whom they take for a sender of spam, and 5.7.1 to an address that does not exist. Who holds
addresses back for their bounces must tell the two apart.
"""

import re

from core.mail.delivery_words import NO_SUCH_ADDRESS

_NOT_THE_ADDRESS = re.compile(r"[45]\.(?:1\.[78]|2\.[23]|3\.[124]|4\.(?:[23567]|14)|6\.\d+|7\.\d+)$")
"""The sender's address, the message's size, its content, policy and authentication; and what RFC 3463 §3 calls a
persistent transient error whatever the first digit: a full mailbox or system, a system that takes nothing for now, a
connection, the directory, congestion, a loop, time that has run out (4.14 is Exchange's loop)."""

_NEVER = re.compile(r"[45]\.(?:1\.[78]|2\.2)$")
"""The sender's address and the full mailbox, with words of any kind."""

_VAGUE = re.compile(r"$|[45]\.[0235]\.0$")
"""Codes that say little more than the first digit does (RFC 3463 §3)."""


def _any(*words: str) -> re.Pattern[str]:
    return re.compile("|".join(words), re.IGNORECASE)


_SENDER = _any(
    r"\bsender(?:'s)?\b[^\n]{0,80}\b(?:rejected|refused|denied|blocked|verif\w{1,8}|unknown|invalid|not)\b",
    r"unrout\w{1,4}able sender|(?:unknown|invalid|bad) sender|not allowed to send|unauthenticated",
    r"(?:after|reply to) MAIL FROM|(?:after|reply to) (?:HELO|EHLO|initial connection)|refused to talk to me",
    r"\b(?:SPF|DKIM|DMARC|DNSBL|RBL|PTR|rDNS)\b|reverse (?:DNS|lookup|host)|spamhaus|spamcop",
    r"barracudacentral|(?<!not )\blisted (?:by|in|at|on)\b|invalid IP|network not allowed|requires confirmation",
    r"(?:client|sending) (?:\S{1,20} )?(?:host|IP|server|domain|network)\b",
    r"\bIP (?:address )?(?:\S{1,60} )?(?:is |has been )?(?:frequency|black|block|list|reputation|not allowed|rejected)",
    r"authentication (?:is )?required|turn on SMTP authentication",
)
"""Who sent it, and from where."""

_MESSAGE = _any(
    r"\b(?:spam|junk|bulk|virus|malware|phish\w{0,4})\b|black ?list|block ?list|(?:mail|message) re(?:jete|fus)",
    r"(?:content|message|mail|attachment|header)s? (?:\S{1,20} )?(?:rejected|filtered|blocked|refused)",
    r"(?:content|message|mail|attachment|header)s? (?:\S{1,20} )?too (?:big|large|long)",
    r"protocol violation|sequence of commands|command parameter|without \S{1,20} (?:header|field)s?\b",
    r"(?:message|mail) (?:size|not allowed)|size (?:limit|exceed)|max(?:imum)? message size|line limit|line too long",
    r"your (?:\S{1,20} )?(?:IP|domain|network|host is)\b|(?:by|for|against) (?:\S{1,20} )?polic(?:y|ies)\b",
    r"relay\w{0,6} (?:\S{1,60} )?(?:denied|prohibited|not permitted)",
)
"""What was sent, and what the server thinks of it."""

_PASSING = _any(
    r"over ?quota|quota (?:is |has been )?exceeded|exceed\w{0,10} (?:\w{1,30} ){0,4}quota|zuviele Mails",
    r"(?:mail ?box|inbox|account|storage) (?:\S{1,60} )?(?:is )?full\b|mailbox full|has too many messages|disk full",
    r"not (?:have )?enough (?:\w{1,10} )?space|out of storage",
    r"receiving mail (?:at a rate|too quickly)|too many (?:messages|recipients|connections|requests|concurrent)",
    r"frequency limit|rate.?limit|throttl|too (?:fast|frequent)|try (?:again )?later|temporar|message expired",
    r"connection (?:\S{1,60} ){0,3}(?:refused|reset|lost|dropped|timed)|(?:could not|unable to) (?:\S{1,30} )?connect",
    r"not accepting connections|service (?:is )?(?:\S{1,30} )?unavailable|too many hops|hop count|mail loop|looping",
)
"""What will be over."""

_AT_THE_END = re.compile(r"(?:after|reply to) (?:the )?end of (?:the )?(?:DATA|message)", re.IGNORECASE)
"""A server that had taken the recipient refused the message."""


_DOMAIN = r"[\w-]{1,63}+(?:\.[\w-]{1,63}+)"
_NAME = re.compile(rf"[^\s<>\"'(]{{1,64}}@{_DOMAIN}{{0,20}}+|(?<=\bhost ){_DOMAIN}{{1,20}}+", re.IGNORECASE)
"""Addresses and hosts, which may be called anything: sender@, spam@, mx.junk.example.net."""


def is_about_address(status: str, words: str) -> bool:
    """Whether the next message will come back as well, as far as status and words tell; if neither does, it will."""
    words = _NAME.sub("x", words)
    if _NEVER.match(status) or _SENDER.search(words):
        return False
    if NO_SUCH_ADDRESS.search(words):
        return True
    if _MESSAGE.search(words) or _PASSING.search(words):
        return False
    if _VAGUE.match(status) and _AT_THE_END.search(words):
        return False
    return _NOT_THE_ADDRESS.match(status) is None
