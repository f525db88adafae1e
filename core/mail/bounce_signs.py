"""What tells where a mail server's notice ends, and what kind of notice it is.

Each repetition is bounded and each pattern is tied to the beginning of a line: a notice of any shape is read in time
that grows with its length alone.
"""

import re

_FLAGS = re.IGNORECASE | re.MULTILINE

RETURNED = re.compile(
    r"^[ \t>|]*+(?:"
    r"-{2,60} ?(?:Below this line is a copy|This is a copy of|Original message|Returned message|"
    r"Message (?:header|text|content)|Unsent message|Undelivered message|Forwarded|"
    r"The (?:body|header|original|message)|Copy of|Begin|Attachment is a copy|Enclosed (?:is|are)|Message follows|"
    r"Mensaje original|Returned mail)"
    r"|-{3,60}[^\n-]{0,60}(?:original|returned|unsent)[^\n-]{0,60}-{3}"
    r"|(?:The )?(?:text of the )?original message (?:headers? ?)?(?:follows)?[:.]?[ \t]*$|Original message headers?:?"
    r"|Message headers follow|The first \d+ lines of your original message|Your message reads"
    r"|(?:Possibly truncated )?original message follows|(?:Below is a copy|A copy) of the (?:original )?message"
    r"|Ursprüngliche Nachrichtenkopfzeilen|En-têtes (?:de message|des messages) d'origine"
    r"|Encabezados de mensajes? originales"
    r"|Please note that this is only a temporary failure report"  # OpenSMTPD, to all
    r"|\+{5,60}[ \t]*$)"
    r"|^>{0,3} ?(?:Received|Return-Path|DKIM-Signature|Message-ID|MIME-Version|X-Mailer):[ \t]",
    _FLAGS,
)
"""The line with which the returned message, its header, or what is said of no recipient begins."""

DELAYED = re.compile(
    r"has not yet been delivered|hasn't been delivered yet|not yet been delivered|still being retried|"
    r"will (?:keep trying|retry for|be retried|continue to (?:be )?(?:try|attempted|retr))|"
    r"delivery attempts will continue|THIS IS A WARNING (?:MESSAGE )?ONLY|could not send (?:message )?for past|"
    r"transient non-fatal errors -|delivery (?:is|has been) delayed|no action is required on your part|"
    r"There was a temporary problem delivering|has been postponed|"
    r"will continue to (?:attempt|try)|^ *A message is delayed for more than",
    _FLAGS,
)
"""What a notice says while the server goes on trying."""

EXPIRED = re.compile(r"\s*Envelope expired\s*$", re.IGNORECASE)
"""What OpenSMTPD says of a recipient, in a notice of delay, when it has given up."""

RECEIPT = re.compile(
    r"successful delivery notifications|success\w{0,5} (?:been )?(?:delivered|relayed)|return receipt|"
    r"(?:was|were) (?:delivered|relayed|read|displayed) (?:to|on|successfully)",
    re.IGNORECASE,
)
"""What a notice says of success; where nothing in it has failed it is a receipt."""

FAILURE = re.compile(
    r"fatal|fail|could not|couldn't|undeliver|(?:was|were|been) not|not (?:be )?delivered|unable|returned|reject|delay",
    re.IGNORECASE,
)
"""What a notice says of failure, or of what may become one."""

REQUESTED = re.compile(r"delivery report that you requested", re.IGNORECASE)
"""An answer to a person who asked whether an address works: no message was lost."""
