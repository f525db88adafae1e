"""The sample mail of the demo world: what a small, friendly company gets in a day."""

from datetime import datetime, timedelta
from email import message_from_string
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, default
from email.utils import format_datetime

from tui.demo.letters import LETTERS, Letter

COMPANY = "example.com"
"""The domain that receives: support@, sales@, office@."""


def sample_mails(now: datetime) -> list[bytes]:
    """About forty messages with CRLF line ends, the oldest first; the last one came a minute before `now`."""
    ordinary = [_message(letter, number) for number, letter in enumerate(LETTERS)]
    messages = [*ordinary, _html_mail(), _with_attachment(), _advertisement(), _bounce(), _out_of_office()]
    for age, message in zip(range(len(messages), 0, -1), messages, strict=True):
        message["Date"] = format_datetime(now - timedelta(minutes=11 * age - 10))
    return [message.as_bytes(policy=SMTP) for message in messages]


def _message(letter: Letter, number: int) -> EmailMessage:
    message = _start(letter.name, letter.address, letter.to, letter.subject, f"letter.{number}")
    if letter.answers is not None:
        message["In-Reply-To"] = message["References"] = _message_id(f"letter.{letter.answers}", letter.domain)
    message.set_content(letter.text + f"\n\n{letter.name}\n")
    return message


def _start(name: str, address: str, to: str, subject: str, identity: str) -> EmailMessage:
    user, _, domain = address.partition("@")
    message = EmailMessage()
    message["From"] = Address(name, user, domain)
    message["To"] = Address("", to, COMPANY)
    message["Subject"] = subject
    message["Message-ID"] = _message_id(identity, domain)
    return message


def _message_id(identity: str, domain: str) -> str:
    return f"<{identity}@{domain}>"


def _html_mail() -> EmailMessage:
    message = _start("Lena Fischer", "lena@garden.example.org", "sales", "Your spring catalogue", "html")
    message.set_content("Hello,\n\nwe loved the catalogue. Could we have ten copies for our shop?\n\nLena\n")
    message.add_alternative(
        "<html><body><h2>Hello,</h2><p>we <b>loved</b> the catalogue. Could we have <i>ten copies</i> for our shop?</p>"
        "<p>Lena &amp; the garden team</p></body></html>\n",
        subtype="html",
    )
    return message


def _with_attachment() -> EmailMessage:
    message = _start("Omar Haddad", "omar@studio.example.org", "support", "Log of the failed export", "attachment")
    message.set_content("Hi,\n\nas promised: the log of the export that stopped at 80 %.\n\nOmar\n")
    log = "".join(f"09:{minute:02d}:00 exported {minute * 125} rows\n" for minute in range(40))
    message.add_attachment(log, filename="export.log")
    message.add_attachment(b"\x89PNG\r\n\x1a\n" + bytes(2000), maintype="image", subtype="png", filename="screen.png")
    return message


def _advertisement() -> EmailMessage:
    text = "Dear winner!\n\nYou have been CHOSEN. Claim your prize within 24 hours at http://prize.example.net/ !!!\n"
    message = _start("Prize Department", "winner@prize.example.net", "office", "!!! YOU WON a new PHONE !!!", "prize")
    message["Precedence"] = "bulk"
    message["X-Spam-Flag"] = "YES"
    message.set_content(text)
    return message


def _out_of_office() -> EmailMessage:
    message = _start("Paul Weber", "paul@clinic.example.org", "sales", "Out of office: Your offer of Monday", "away")
    message["Auto-Submitted"] = "auto-replied"  # RFC 3834 §5
    message.set_content("I am hiking until the 14th and read no mail up there. My colleagues at the desk will help.\n")
    return message


def _bounce() -> EmailMessage:
    """A delivery status notification (RFC 3464): human text, machine text, the headers that came back."""
    message = _start("Mail Delivery System", "MAILER-DAEMON@mail.example.org", "office", "Undelivered Mail", "bounce")
    message["Auto-Submitted"] = "auto-replied"
    message["Return-Path"] = "<>"
    message.set_content("Your message could not be delivered to emma@school.example.org: no such user here.\n")
    report = (
        "Reporting-MTA: dns; mail.example.org\n\nFinal-Recipient: rfc822; emma@school.example.org\n"
        "Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 No such user here\n"
    )
    returned = f"From: office@{COMPANY}\nTo: emma@school.example.org\nSubject: Your visit\n\n"
    message.make_mixed()
    for content_type, text in (("message/delivery-status", report), ("text/rfc822-headers", returned)):
        message.attach(message_from_string(f"Content-Type: {content_type}\n\n{text}", policy=default))
    message.replace_header("Content-Type", "multipart/report; report-type=delivery-status")
    return message
