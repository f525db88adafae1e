"""What a server's words say of a delivery: a status code (RFC 3463), a reply code (RFC 5321), or a sentence."""

import re
from dataclasses import dataclass

# An address of the internet has three dots and release numbers have any: a status code stands alone, and the subjects
# of RFC 3463 3 go from 0 to 7.
_ENHANCED = re.compile(r"(?<![\d.])[245]\.[0-7]\.\d{1,3}(?!\.?\d)")
_REPLY = re.compile(r"(?:^|[\s;:(\"'])([45])[0-5]\d(?=[\s\-:;)]|$)", re.MULTILINE)
_LONGEST_WORDS = 4096
"""Characters in which a reason is looked for: a server gives it soon, or not at all."""


@dataclass(frozen=True, slots=True)
class _Reason:
    """Words that servers use where they give no code of their own."""

    severity: str
    """5 or 4: what it means where no code says otherwise."""
    detail: str
    """Subject and detail of the status."""
    words: re.Pattern[str]


def _reason(severity: str, detail: str, *words: str) -> _Reason:
    return _Reason(severity, detail, re.compile("|".join(words), re.IGNORECASE))


_REASONS = (
    _reason("4", "4.3", r"host not found, try again"),
    _reason(
        "4",
        "2.2",
        r"over ?quota",
        r"quota (?:usage )?(?:is )?(?:has been )?(?:exceeded|violation)",
        r"exceed\w{0,10} (?:\w{1,30} ){0,4}quota",
        r"exceeded storage",
        r"(?:mailbox|inbox|maildir|mailfolder|account) "
        r"(?:\S{1,60} )?(?:is |size |that )?(?:\w{1,30} ){0,6}(?:is )?full\b",
        r"\bfull (?:mail ?box|inbox)\b",
        r"(?:user|recipient)(?:'s)? (?:\w{1,30} )?mail ?box exceeds",
        r"exceeds allowed size",
        r"disk quota",
        r"not (?:have )?enough (?:storage |disk )?space",
        r"mailbox exceeded (?:\w{1,20} ){0,2}limit|too many messages on the server",
        r"out of storage",
    ),
    _reason(
        "5",
        "1.1",
        r"(?:user|recipient|mailbox|address|account|addressee|alias)\S{0,60} (?:\S{1,60} ){0,2}?(?:is |was )?"
        r"(?:unknown|not found|not listed|not recogni[sz]ed|undefined|no longer (?:active|valid|available))",
        r"(?:user|recipient|mailbox|address|account|addressee|alias)\S{0,60} (?:\S{1,60} ){0,2}?"
        r"(?:do(?:es)? ?n[o']t exist|doesn't have an? )",
        r"(?:unknown|invalid|non-?existent|bad|no such) (?:local )?"
        r"(?:user|recipient|mailbox|address|account|addressee|local.?part|person)",
        r"no (?:mailbox|user|account) (?:here )?by that name",
        r"(?:couldn't|could not|can't) be found",
        r"recipient (?:name )?is not recogni[sz]ed",
        r"no mailbox (?:here|found)",
        r"wasn't found at",
        r"RecipNotFound|RecipientNotFound",
        r"invalid final delivery userid",
        r"no ?such ?(?:recipient|user)\b",
        r"is not (?:a known user|an active address)|user not exist|BAD_RECIPIENT",
        r"no mail ?box available for this user|address is wrong or no longer valid",
        r"unknown (?:e-?mail )?address(?! error)",
    ),
    _reason(
        "5",
        "2.1",
        r"(?:account|mailbox|user) (?:\S{1,60} )?(?:is |has been )?(?:currently )?"
        r"(?:disabled|inactive|suspended|deactivated)",
        r"(?:disabled|deactivated) (?:recipient|mailbox|account)",
        r"(?:account|mailbox) is (?:locked|frozen)",
    ),
    _reason(
        "5",
        "1.2",
        r"host (?:or domain name |name )?(?:is )?(?:unknown|not found)",
        r"unknown host",
        r"no such (?:host|domain)",
        r"couldn't find any host",
        r"unrouteable (?:mail )?(?:address|domain)",
        r"no valid MX hosts|Name or service not known",
        r"domain (?:\S{1,60} )?(?:couldn't be found|not found|does ?n[o']t)",
        r"bad destination host",
        r"nullMX|does not accept mail",
        r"all relevant MX records point to non-existent hosts",
        r"no MX (?:record )?found|indicated no SMTP service",
        r"host \S{1,253} not found",
    ),
    _reason(
        "5", "3.4", r"(?:message|size)\S{0,20} (?:\S{1,60} ){0,5}(?:too (?:large|big|long)|exceeds)", r"size limit"
    ),
    _reason("5", "4.6", r"too many hops", r"(?:mail|routing) loop", r"loops? back to"),
    _reason(
        "5",
        "7.1",
        r"relay\w{0,6} (?:\S{1,60} )?(?:denied|prohibited|not permitted)",
        r"(?:access|permission) denied",
        r"not authori[sz]ed",
        r"blocked (?:by|using|because|due)",
        r"spam",
        r"rejected (?:by|due|for) \w{0,20}(?:policy|content)",
        r"blacklist",
        r"restricted",
        r"don't have permission",
    ),
    _reason(
        "4",
        "4.7",
        r"retry time(?:out)? (?:not reached|exceeded)",
        r"timed out",
        r"time-?out",
        r"(?:been|was) (?:in|on) the queue too long",
        r"message expired",
        r"too long (?:in|on) (?:the )?queue",
        r"envelope expired|failing for a long time|(?:after|failed) (?:multiple|\d{1,4}) (?:retries|attempts)",
    ),
    _reason(
        "4",
        "4.1",
        r"connection (?:\S{1,60} ){0,3}(?:refused|reset|lost|dropped|failed)",
        r"(?:could not|couldn't|unable to) (?:\S{1,60} ){0,2}connect",
        r"no route to host",
        r"network is unreachable",
        r"not (?:available|responding)",
        r"temporar",
        r"unable to contact",
        r"wasn't able to establish an SMTP connection",
        r"not accept our requests to connect|host not reachable",
    ),
)


NO_SUCH_ADDRESS = re.compile(
    "|".join(one.words.pattern for one in _REASONS if one.detail in ("1.1", "1.2", "2.1")), re.IGNORECASE
)
"""What is said of an address that does not exist, or no longer."""


def enhanced_status(text: str) -> str:
    """The first status code (RFC 3463) that stands in a text, such as 5.1.1; empty if none does."""
    found = _ENHANCED.search(text)
    return found[0] if found else ""


def reply_class(text: str) -> str:
    """4 or 5, as the first reply code (RFC 5321 4.2.1) of a failure says; empty if there is none."""
    found = _REPLY.search(text)
    return found[1] if found else ""


def status_in(text: str) -> str:
    """The status that a refusal tells, in code or in words: a code gives the class, the words the detail."""
    text = text[:_LONGEST_WORDS]
    # What comes before a refusal, such as 250 2.1.0 for the sender, went well.
    code = next((one for one in _ENHANCED.findall(text) if not one.startswith("2")), "")
    if code and not code.endswith(".0.0"):
        return str(code)
    severity = code[:1] or reply_class(text)
    text = " ".join(text.split())
    for reason in _REASONS:
        if reason.words.search(text):
            return f"{severity or reason.severity}.{reason.detail}"
    return f"{severity}.0.0" if severity else ""
