"""Whether the address is why, by code and words: a table."""

import pytest

from core.mail.refusal_words import is_about_address


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("5.1.1", "550 5.1.1 <bob@example.net>: Recipient address rejected: User unknown in local recipient table"),
        ("5.1.1", ""),
        ("5.1.2", "Host or domain name not found"),
        ("5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found"),
        ("5.2.1", "550 5.2.1 The email account that you tried to reach is disabled."),
        ("5.4.1", "550 5.4.1 Recipient address rejected: Access denied"),
        ("5.0.0", ""),
        ("5.0.0", "550 Rejected"),
        # Codes of policy that mean the address.
        ("5.7.1", "550 5.7.1 No such user c18si2365148hub"),
        ("5.7.1", "553 sorry, badrcptto(user mail-box not found) (#5.7.1)"),
        ("5.7.17", "550 sorry, no mailbox here by that name. (#5.7.17)"),
        ("5.7.13", "525 5.7.13 Disabled recipient address"),
        # What addresses and hosts are called tells nothing.
        ("5.1.1", "550 5.1.1 <sender@example.net>: Recipient address rejected: not found"),
        ("5.1.1", "host mx.spam.example.net[192.0.2.7] said: 550 5.1.1 <junk@example.net>: Address rejected"),
        ("5.1.1", "550 5.1.1 over-quota@example.net... mailbox not there"),
        ("5.7.1", "550 5.7.1 bob@example.net...User unknown"),
        # It was refused after the message, but says whom.
        ("5.0.0", "SMTP error from remote mail server after end of data: 550 unknown user"),
    ],
)
def test_the_address_is_why(status: str, words: str) -> None:
    assert is_about_address(status, words)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("5.3.4", "552 5.3.4 Message size exceeds fixed limit"),
        ("5.6.0", "554 5.6.0 malformed"),
        ("5.7.1", "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen"),
        ("5.1.8", "553 5.1.8 <cron@app>... Domain of sender address cron@app does not exist"),
        # Who sent it, whatever the code says.
        ("5.1.0", "550 5.1.0 192.0.2.1 is not allowed to send from <example.com> per it's SPF Record."),
        ("5.1.0", "550 5.1.0 <bounce@example.com> sender rejected."),
        ("5.1.1", "550 5.1.1 <bob@example.net> - 192.0.2.1 has sent to too many recipients this hour."),
        ("5.1.3", "553 http://www.spamhaus.org/query/bl?ip=192.0.2.1"),
        ("5.0.0", "host mx.example.net said: 550 Unrouteable sender (in reply to MAIL FROM command)"),
        ("5.0.0", "SMTP error from remote mail server after MAIL FROM:<a@example.com>: 551 Server access denied"),
        ("5.1.1", "550-Verification failed for <a@example.com>\n550-no such user\n550 Sender verify failed"),
        ("5.0.0", "554 INVALID IP FOR SENDING MAIL OF DOMAIN example.com"),
        ("5.0.0", "550 DMARC check failed."),
        ("5.0.0", "550 Your host is not allowed to connect to this server. (in reply to RCPT TO command)"),
        # What was sent.
        ("5.0.0", "550 Virus Detected; Content Rejected"),
        ("5.2.0", "550 5.2.0 Message Filtered"),
        ("5.0.0", "550 Denied by policy"),
        ("5.0.0", "host mx said: 554 (in reply to end of DATA command)"),
        ("5.2.0", "SMTP error from remote mail server after end of data: 550 5.2.0 From: Domain is invalid"),
        # What will be over.
        ("5.2.2", "552 5.2.2 Mailbox full"),
        ("5.2.2", "Invalid Address, 5.2.2 <bob@example.net>... Mailbox Full"),
        ("5.0.0", "552 sorry, mailbox bob@example.net is over quota"),
        ("5.0.0", "host mail.example.net [192.0.2.7]: 550 mailbox <bob@example.net> is full"),
        ("5.2.1", "550-5.2.1 The user you are trying to contact is receiving mail at a rate that prevents more"),
        ("5.4.7", ""),
        ("5.4.316", "550 5.4.316 Message expired, connection refused"),
        ("5.4.6", "554 5.4.6 Too many hops"),
        ("5.4.14", "554 5.4.14 Hop count exceeded"),
        ("5.3.2", "521 5.3.2 System not accepting network messages"),
    ],
)
def test_it_is_the_message_its_sender_or_the_hour(status: str, words: str) -> None:
    assert not is_about_address(status, words)
