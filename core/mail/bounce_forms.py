"""How mail servers word the bounces that are no reports (RFC 3464): how they begin, and where they name whom.

Each repetition is bounded and each pattern is tied to the beginning of a line: a notice of any shape is read in time
that grows with its length alone.
"""

import re
from dataclasses import dataclass
from functools import cache

ADDRESS = r"""(?P<address>[^\s<>()\[\],;:"'|\\@]{1,128}@[A-Za-z0-9\u0080-\uffff](?:[\w-]|\.(?=\w)){0,253})"""
"""An address as notices hold it."""

_FLAGS = re.IGNORECASE | re.MULTILINE


@dataclass(frozen=True, slots=True)
class BounceForm:
    """One server's way to say that a message was not delivered."""

    server: str
    openings: str
    """The sentences at the beginning of a line by which it is known."""
    places: tuple[str, ...]
    """Where addresses stand; the first that finds any counts."""
    is_loose: bool = False
    """Whether a person might begin so too: then the sender or the subject must say that it is a bounce."""
    unexplained: str = ""
    """The status of what is refused without a code or words that stand for one."""

    @property
    def opening(self) -> re.Pattern[str]:
        """`openings`, compiled when it is first needed: most processes never see such a bounce."""
        return _compiled(self.openings)

    @property
    def recipients(self) -> tuple[re.Pattern[str], ...]:
        """`places`, compiled when they are first needed."""
        return tuple(map(_compiled, self.places))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, _FLAGS)


def _form(
    server: str, openings: tuple[str, ...], *recipients: str, is_loose: bool = False, unexplained: str = ""
) -> BounceForm:
    return BounceForm(
        server,
        rf"^[ \t*]*+(?:{'|'.join(openings)})",
        recipients,
        is_loose,
        unexplained,
    )


_BEFORE_COLON = rf"^[ \t]*[<\"]{ADDRESS}[>\"](?:\s{{1,6}}\([^()]{{0,200}}\))?[ \t]?:"
"""`<user@example.org>: why`: qmail, Postfix and what is like them."""

_BARE_BEFORE_COLON = rf"^[ \t]*<?{ADDRESS}>?:"

_ALONE = (
    rf"^[ \t]*(?:[-*][ \t]+)?[<\"]?(?:mailto:|smtp:)?{ADDRESS}[>\"]?[ \t]*(?:<mailto:[^<>\n]{{0,300}}>)?[:;,]?[ \t]*$"
)
"""An address that has a line to itself: Exim, Gmail, Exchange and what is like them."""

_FIRST = rf"^[ \t]*(?:[-*][ \t]+)?<?{ADDRESS}>?(?=[\s:,(]|$)"
"""An address at the beginning of a line."""

_IN_BRACKETS = rf"^[^\n<>()]{{0,200}}[(<](?:mailto:|smtp:)?{ADDRESS}[)>]"
"""`Name (user@example.org)`: Domino, GroupWise."""

_IMAIL = (
    r"(?:Unknown user|User mailbox exceeds allowed size|Unknown host|Invalid final delivery userid|"
    r"Delivery failed \d{1,4} attempts|undeliverable[ \t]+to):?[ \t]+"
)

FORMS = (
    _form(
        "qmail",
        (
            r"Hi\. This is the qmail-send program at",
            r"This is the .{0,40}qmail",
            r"I'm afraid I wasn't able to deliver your message",
            r"(?:I tried to deliver|I'm sorry,? I|I'm afraid I) .{0,40}(?:couldn't|could not) ",
            r"Unable to deliver message to the following address",
            r"We're sorry\. There's a problem with the e-?mail",
        ),
        _BEFORE_COLON,
        _BARE_BEFORE_COLON,
        _ALONE,
    ),
    _form(
        "Yahoo",
        (
            r"Sorry,? we were unable to deliver your message to the following address",
            r"Message from {1,4}yahoo\.\w+",
        ),
        _BEFORE_COLON,
        _BARE_BEFORE_COLON,
        _ALONE,
    ),
    _form(
        "Exim",
        (
            r"This message was created automatically by (?:the )?(?:mail|SMTP) delivery\s(?:software|system)",
            r"A message that you (?:have )?sent (?:could not be|has not yet been) delivered",
            r"A message that you sent contained one or more recipient addresses",
            r"A message sent by .{0,200}could not be delivered",
            r"A message that you sent was rejected by the local scanning code",
        ),
        rf"^[ \t]+<?{ADDRESS}>?:?[ \t]*$",
        _ALONE,
        _BEFORE_COLON,
        _FIRST,
        rf"Address: ?<{ADDRESS}>",
        rf"^[ \t]+[^\n:<>]{{0,200}}<{ADDRESS}>: malformed",
        rf"^[ \t]+\((?:ultimately )?generated from {ADDRESS}\)",
        rf"addressed to ['\"<]{ADDRESS}",
        rf"mailbox {ADDRESS} is unavailable",
    ),
    _form(
        "Postfix",
        (
            r"This is the (?:mail system|Postfix program|\S{1,60} (?:mail system|program)) at host",
            r"I'm sorry to have to inform you that (?:the|your) message",
            r"#{3,100}\s{1,20}# THIS IS A WARNING ONLY",
        ),
        _BEFORE_COLON,
        _BARE_BEFORE_COLON,
    ),
    _form(
        "Sendmail",
        (
            r"The original message was received at\b",
            r"(?:- ?){3,30}(?:The following addresses (?:had|have)|Transcript of session)",
            r"THIS IS A WARNING MESSAGE ONLY",
        ),
        rf"^[ \t]*<?{ADDRESS}>?(?:[ \t]+\([^\n]*\))?[ \t]*$",
        rf"^\d{{3}} (?:\d\.\d\.\d{{1,3}} )?<?{ADDRESS}>?\.\.\.",
        rf"^[|>]{{0,3}}[ \t\"]*<?{ADDRESS}>?",
        rf"^[^\n<>]{{0,200}}<{ADDRESS}>",
    ),
    _form(
        "Exchange",
        (
            r"Delivery (?:has failed|is delayed) to these recipients",
            r"Your message to .{1,300} couldn't be delivered",
            r"Your message (?:wasn't|was not|couldn't be|can't be) delivered (?:to (?:anyone|the)|because|despite)",
            r"Your message did not reach some or all of the intended recipients",
            r"The following recipient\(?s?\)? (?:could|can)(?: ?not|'t) be reached",
            r"This message hasn't been delivered yet",
            r"Die Nachricht konnte .{0,40}nicht zugestellt",
            r"Fehler bei der (?:Nachrichten)?zustellung",
            r"Ihre Nachricht (?:hat einige|an .{1,200} konnte nicht)",
            r"Die Zustellung an (?:die )?folgende",
            r"[ÉE]chec de la remise",
            r"Error (?:de|en la) entrega",
            r"Impossibile recapitare",
            r"De bezorging is mislukt",
            r"Falha na entrega",
        ),
        rf"^[^\n<>()]{{0,200}}[(<](?:mailto:|smtp:)?{ADDRESS}[)>][ \t]*$",
        _ALONE,
        rf"^[ \t]*['\"]?{ADDRESS}['\"]? (?:on|am|le|el) ",
        rf"Your message to {ADDRESS} couldn't",
        _FIRST,
        rf"\[SMTP:{ADDRESS}\]",
    ),
    _form(
        "Exchange 5.5",
        (
            r"Your message\s{1,10}(?:To|Subject|Sent|Cc):[^\n]*+(?:\n[^\n]*+){0,12}?\n[ \t]*"
            r"did not reach the following recipient",
        ),
        rf"^[ \t]*['\"]?<?{ADDRESS}>?['\"]? on ",
        _ALONE,
        _IN_BRACKETS,
        rf"\bSMTP={ADDRESS}; on ",
    ),
    _form(
        "Gmail",
        (
            r"Delivery to the following recipients? (?:failed|has been delayed|was aborted)",
            r"This is an automatically generated Delivery Status Notification",
            r"(?:Address not found|Message (?:not delivered|blocked|too large|rejected)|Delivery incomplete|"
            r"Recipient inbox full)[ \t*]*$",
            r"Your message (?:wasn't|was not|couldn't be) delivered to ",
            r"There was a (?:temporary )?problem delivering your message to",
            r"THIS IS A WARNING MESSAGE ONLY",
        ),
        rf"(?:delivered to|delivering your message to|delivery to)\s{{1,10}}<?{ADDRESS}>?",
        _ALONE,
    ),
    _form(
        "Domino",
        (
            r"Your message\s{1,10}(?:Subject:[^\n]*+(?:\n[^\n]*+){0,6}?\n[ \t]*)?"
            r"(?:was not|could not be|has not been) delivered to:?",
            r"-{3,30} ?Failure Reasons",
        ),
        _ALONE,
        _IN_BRACKETS,
        _FIRST,
    ),
    _form(
        "MailMarshal",
        (r"Your message:\s{1,10}From:[^\n]*+(?:\n[^\n]*+){0,6}?\n[ \t]*Could not be delivered because of",),
        rf"following recipients were affected:\s{{1,10}}<?{ADDRESS}>?",
        _ALONE,
    ),
    _form(
        "Mimecast",
        (
            r"This is a delivery failure notification message indicating that",
            r"An email that you attempted to send to the following address could not be delivered",
            r"This is an automated alert notification\. Please do not reply",
        ),
        rf"^[ \t]*-- <?{ADDRESS}>?",
        _ALONE,
    ),
    _form(
        "GroupWise",
        (r"The (?:attached file had|message that you sent was) .{0,20}undeliver\w+",),
        _IN_BRACKETS,
        _ALONE,
        _FIRST,
    ),
    _form(
        "Courier",
        (
            r"This is a delivery status notification from \S",
            r"Your message to the following recipients cannot be delivered",
        ),
        _BEFORE_COLON,
        _ALONE,
    ),
    _form(
        "MDaemon",
        (
            r"The (?:attached|following) (?:message|data) (?:had|may have) (?:PERMANENT fatal|one or more|non-?fatal)",
            r"Delivery failed - This message could not be delivered",
        ),
        rf"Failed address: {{0,4}}<?{ADDRESS}>?",
        rf"RCPT To:<{ADDRESS}>",
        _ALONE,
    ),
    _form("IMail", (rf"{_IMAIL}\S{{1,128}}@",), rf"^{_IMAIL}{ADDRESS}"),
    _form(
        "Messaging Server",
        (
            r"This report relates to a message you sent with the following header fields",
            r"Your message (?:cannot be delivered|is being returned).{0,80}following recipients?",
        ),
        rf"Recipient address: {{0,4}}{ADDRESS}",
        _ALONE,
    ),
    _form(
        "Dovecot",
        (r"Your message to <[^<>\n]{1,300}> was automatically rejected",),
        rf"Your message to <{ADDRESS}> was automatically rejected",
        unexplained="5.7.1",  # a script of the recipient's refused it, in his words: for good (RFC 5429 §2.1.1)
    ),
    _form("OpenSMTPD", (r"Hi!\s{1,10}This is the MAILER-DAEMON, please DO NOT REPLY",), _BARE_BEFORE_COLON, _ALONE),
    _form("DragonFly", (r"This is the DragonFly Mail Agent",), _BEFORE_COLON, _FIRST, _IN_BRACKETS),
    _form(
        "Amazon SES",
        (
            r"An error occurred while trying to deliver the mail to the following recipients",
            r"The following message to <[^<>\n]{1,300}> was undeliverable",
            r"Your message could not be delivered to the following address",
        ),
        rf"message to <{ADDRESS}> was undeliverable",
        _ALONE,
        _FIRST,
    ),
    _form(
        "another server",
        (
            r"(?:Unfortunately, )?(?:The|Your) (?:mail|e-?mail|message)(?: you sent)?(?: [^\s.]{1,60}){0,6}? "
            r"(?:could not|couldn't|can ?not|can't|was not|wasn't|has not been) (?:be )?(?:successfully )?delivered",
            r"Unable to deliver (?:the |your )?(?:message|mail)",
            r"Your mail to the following recipients could not be delivered",
            r"Failed to deliver ",
            r"The following (?:message|mail)(?: \S{1,60}){0,6} was undeliver\w+",
            r"(?:\|?-{2,40} ?)?Failed (?:addresses follow|recipients\b)",
            r"Delivery of e-?mail to this address",
            r"Could not deliver message to the following",
            r"Delivery (?:to|for) the following (?:recipient|address)\S{0,20} (?:\S{1,60} ){0,2}failed",
            r"(?:We were|I was|The (?:mail|message) (?:server|system|transfer agent) was) unable to deliver your ",
            r"Message delivery (?:to|for) .{0,200} failed",
            r"We had trouble delivering your message",
            r"Your delivery to the following address(?:es)? has(?: been)? failed",
        ),
        _BEFORE_COLON,
        _ALONE,
        rf"(?:deliver\w{{0,5}}|message|mail|recipients?|address(?:es)?)(?: was)?(?: not)?(?: to)?:? {{0,4}}<{ADDRESS}>",
        _FIRST,
        _IN_BRACKETS,
        rf"(?:Delivery failed|permanent errors|Failed recipient): {{0,4}}{ADDRESS}",
        is_loose=True,
    ),
)
"""The commonest servers first; a notice is of the form whose opening stands first in it."""

UNKNOWN = BounceForm(
    "a server we do not know",
    "",
    (
        _BEFORE_COLON,
        _ALONE,
        rf"\b(?:recipients?|address(?:es)?|to): {{0,4}}['\"<]?{ADDRESS}",
        rf"\baddressed to ['\"<]?{ADDRESS}",
        _FIRST,
        rf"<(?:mailto:)?{ADDRESS}>",
        rf"\b(?:to|for|user|mailbox|recipient|address) {ADDRESS}(?=[\s.,:;)]|$)",
    ),
)
"""A notice that returns a message in words of its own, from a sender that is no person."""
