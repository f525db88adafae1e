import pytest

from core.outbound.decisions.replies import Blame, judge_reply

CASES = [
    # before there is a recipient, whatever the code: the mailbox
    (554, "", "no service for you", "connect", Blame.MAILBOX),
    (454, "4.7.0", "TLS not available", "tls", Blame.MAILBOX),
    (502, "", "what?", "ehlo", Blame.MAILBOX),
    (535, "5.7.8", "authentication failed", "login", Blame.MAILBOX),
    (550, "5.1.0", "no", "mail", Blame.MAILBOX),
    (451, "4.3.0", "later", "mail", Blame.MAILBOX),
    # the announced size is over the limit (RFC 1870): another mailbox may take it
    (552, "5.3.4", "message size exceeds fixed maximum", "mail", Blame.TOO_LARGE),
    (552, "", "too big", "mail", Blame.TOO_LARGE),
    (554, "5.3.4", "too big", "mail", Blame.TOO_LARGE),
    (452, "4.3.1", "no space", "mail", Blame.MAILBOX),
    (452, "5.3.4", "no space", "mail", Blame.MAILBOX),
    (552, "5.2.2", "mailbox full", "mail", Blame.MAILBOX),
    # 421 anywhere
    (421, "4.7.0", "too many connections", "rcpt", Blame.MAILBOX),
    (421, "", "closing", "data", Blame.MAILBOX),
    (421, "", "closing", "dot", Blame.MAILBOX),
    # RCPT
    (550, "5.1.1", "no such user", "rcpt", Blame.RECIPIENT_PERMANENT),
    (553, "", "no", "rcpt", Blame.RECIPIENT_PERMANENT),
    (552, "5.2.2", "mailbox full", "rcpt", Blame.RECIPIENT_PERMANENT),
    (450, "4.2.0", "greylisted, try again", "rcpt", Blame.RECIPIENT_TRANSIENT),
    (451, "4.7.1", "Sender greylisted", "rcpt", Blame.RECIPIENT_TRANSIENT),
    (452, "4.5.3", "too many recipients", "rcpt", Blame.RECIPIENT_TRANSIENT),
    (552, "5.5.3", "too many", "rcpt", Blame.RECIPIENT_TRANSIENT),
    (552, "", "Too many recipients", "rcpt", Blame.RECIPIENT_TRANSIENT),
    # greylisting, wherever
    (450, "4.7.1", "Client host rejected: Greylisted, see http://postgrey.example", "rcpt", Blame.RECIPIENT_TRANSIENT),
    (451, "4.7.1", "Greylisting in action, please come back later", "dot", Blame.RECIPIENT_TRANSIENT),
    (451, "", "Gray-listed", "data", Blame.RECIPIENT_TRANSIENT),
    (421, "4.7.1", "Greylisted", "dot", Blame.MAILBOX),
    (550, "5.7.1", "Refused by greylist", "dot", Blame.MESSAGE_PERMANENT),
    # DATA and the dot
    (451, "4.3.0", "later", "data", Blame.MAILBOX),
    (452, "4.3.1", "no space", "dot", Blame.MAILBOX),
    (554, "5.5.1", "no valid recipients", "data", Blame.MESSAGE_PERMANENT),
    (554, "5.6.0", "spam", "dot", Blame.MESSAGE_PERMANENT),
    (552, "5.3.4", "too big", "dot", Blame.MESSAGE_PERMANENT),
    # about the sender of this message, wherever
    (550, "5.1.0", "sender refused", "mail", Blame.SENDER),
    (553, "", "not allowed", "mail", Blame.SENDER),
    (451, "4.1.8", "Domain of sender address does not resolve", "mail", Blame.SENDER),
    (550, "5.1.7", "bad sender", "rcpt", Blame.SENDER),
    (550, "5.1.8", "bad sender system", "rcpt", Blame.SENDER),
    (554, "5.2.252", "SendAsDenied", "dot", Blame.SENDER),
    (550, "5.7.60", "SMTP; Client does not have permissions to send as this sender", "dot", Blame.SENDER),
    (554, "", "5.2.252 SendAsDenied", "dot", Blame.SENDER),
    (554, "", "5.7.60 no", "dot", Blame.SENDER),
    (550, "5.7.1", "Sender address rejected: not owned by user bob", "rcpt", Blame.SENDER),
    (554, "5.7.1", "<Alice@Example.org>: not allowed here", "rcpt", Blame.SENDER),
    (
        554,
        "5.2.0",
        "STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied",
        "dot",
        Blame.SENDER,
    ),
    (550, "5.7.750", "Client blocked from sending from unregistered domains", "dot", Blame.SENDER),
    (553, "5.7.1", "<alice@example.org>: Sender address rejected: not owned by user bob", "rcpt", Blame.SENDER),
    (550, "", "Sender verify failed", "rcpt", Blame.SENDER),
    (550, "", "The from address does not match a verified Sender Identity.", "dot", Blame.SENDER),
    (554, "", "Message rejected: Email address is not verified.", "dot", Blame.SENDER),
    (554, "5.7.1", "<alice@example.org>: not allowed here", "rcpt", Blame.SENDER),
    # about its domain: SPF, DKIM, DMARC (RFC 7372), a domain that takes no mail (RFC 7505)
    (550, "5.7.23", "SPF validation failed", "mail", Blame.SENDER),
    (550, "5.7.509", "sending domain does not pass DMARC verification", "dot", Blame.SENDER),
    (550, "5.7.27", "sender address has null MX", "mail", Blame.SENDER),
    # about the login or this machine, wherever
    (550, "5.4.5", "Daily user sending limit exceeded", "dot", Blame.MAILBOX),
    (550, "5.7.1", "Daily SMTP relay limit exceeded for customer", "rcpt", Blame.MAILBOX),
    (450, "4.2.1", "Peak SMTP relay limit exceeded for customer", "rcpt", Blame.MAILBOX),
    (550, "5.1.90", "you've reached your daily limit for message recipients", "dot", Blame.MAILBOX),
    (550, "5.2.2", "Submission quota exceeded", "dot", Blame.MAILBOX),
    (550, "5.1.8", "Access denied, bad outbound sender", "dot", Blame.MAILBOX),
    (550, "5.7.501", "Access denied, spam abuse detected", "rcpt", Blame.MAILBOX),
    (550, "5.7.708", "Access denied, traffic not accepted from this IP", "dot", Blame.MAILBOX),
    (550, "5.7.606", "Access denied, banned sending IP", "rcpt", Blame.MAILBOX),
    (530, "5.7.0", "Authentication required", "rcpt", Blame.MAILBOX),
    (530, "", "no", "dot", Blame.MAILBOX),
    (530, "5.7.57", "Client was not authenticated to send anonymous mail during MAIL FROM", "mail", Blame.MAILBOX),
    (554, "5.7.1", "Service unavailable; Client host [192.0.2.1] blocked using a list", "rcpt", Blame.MAILBOX),
    # Exchange's recipients who take mail from their own organisation alone
    (550, "5.7.133", "Sender not authenticated for group", "rcpt", Blame.RECIPIENT_PERMANENT),
    (550, "5.7.1", "RESOLVER.RST.AuthRequired; authentication required", "rcpt", Blame.RECIPIENT_PERMANENT),
    (
        550,
        "5.7.133",
        "RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required; Delivery restriction check "
        "failed because the sender was not authenticated",
        "dot",
        Blame.MESSAGE_PERMANENT,
    ),
    (550, "5.1.10", "Recipient not found", "rcpt", Blame.RECIPIENT_PERMANENT),
    # what a relay was told when it asked the recipient's server (Postfix)
    (
        550,
        "5.1.1",
        "<bob@example.net>: Recipient address rejected: undeliverable address: host mx.example.net said: "
        "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked",
        "rcpt",
        Blame.RECIPIENT_PERMANENT,
    ),
    # 5.7.1 that does not name the sender
    (554, "5.7.1", "relay access denied", "rcpt", Blame.RECIPIENT_PERMANENT),
    (550, "5.7.1", "message looks like spam", "dot", Blame.MESSAGE_PERMANENT),
    (554, "5.7.1", "<alice@example.org>: Recipient address rejected", "rcpt", Blame.RECIPIENT_PERMANENT),
    # no reply at all
    (0, "", "", "dot", Blame.MAILBOX),
    (-1, "", "", "rcpt", Blame.MAILBOX),
]


@pytest.mark.parametrize(("code", "enhanced", "text", "phase", "expected"), CASES)
def test_reply_says_whose_fault_it_is(code: int, enhanced: str, text: str, phase: str, expected: Blame) -> None:
    assert judge_reply(code, enhanced, text, phase, sender="alice@example.org") is expected
    assert judge_reply(code, enhanced, text, phase, sender="Alice@Example.ORG") is expected


@pytest.mark.parametrize("phase", ["connect", "tls", "greeting", "ehlo", "login", "mail", "rset", "anything"])
@pytest.mark.parametrize("code", [421, 450, 535, 550, 554])
def test_no_recipient_fails_before_rcpt(phase: str, code: int) -> None:
    assert judge_reply(code, "5.7.1", "no", phase) is Blame.MAILBOX


@pytest.mark.parametrize(
    ("code", "enhanced", "expected"),
    [(550, "5.7.60", Blame.MAILBOX), (550, "5.1.7", Blame.MAILBOX), (550, "5.7.23", Blame.SENDER)],
)
def test_a_mailbox_that_may_not_send_as_itself_cannot_send(code: int, enhanced: str, expected: Blame) -> None:
    assert judge_reply(code, enhanced, "no", "dot", is_own_sender=True) is expected
