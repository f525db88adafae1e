"""An answer as bytes: read again it says what was meant, whatever stood in the message it answers."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest

from core.mail.headers import read_header_block
from core.mail.reply import MOST_REFERENCES, Reply, compose_reply, reply_subject, thread_of

TAG = "[Ticket#2026112010000001]"


def composed(**values: Any) -> EmailMessage:
    given = {
        "to": "bob@example.net", "subject": "Re: x", "text": "Hello", "message_id": "<1@example.org>",
        "date": datetime(2026, 1, 2, tzinfo=UTC),
    }  # fmt: skip
    raw = compose_reply(Reply(**{**given, **values}))
    assert raw.count(b"\n") == raw.count(b"\r\n")
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    return message


@pytest.mark.parametrize(
    ("subject", "answered"),
    [
        ("Printer", f"Re: {TAG} Printer"),
        ("Re: Printer", f"Re: {TAG} Printer"),
        (f"AW: Re: {TAG} Printer", f"Re: {TAG} Printer"),
        (f"Re: [2] {TAG}", f"Re: {TAG} [2]"),
        ("", f"Re: {TAG}"),
        ("x" * 1000, f"Re: {TAG} " + "x" * 1000),
    ],
)
def test_the_subject_names_the_record_once(subject: str, answered: str) -> None:
    assert reply_subject(subject, TAG)[:300] == answered[:300]
    assert len(reply_subject(subject, TAG)) <= 400


def test_the_answer_reads_as_it_was_written() -> None:
    message = composed(
        subject="Re: Größe 😀 " + "lang" * 40, text="Grüße,\n.\nFrom here\n\n=?utf-8?q?x?=   \nAnna", sent_from="desk@example.org",
        display_name='Helpdesk "Süd"', references=("<a@x>", "<b@x>"),
    )  # fmt: skip

    assert message["Subject"] == "Re: Größe 😀 " + "lang" * 40
    assert message.get_content().replace("\r\n", "\n") == "Grüße,\n.\nFrom here\n\n=?utf-8?q?x?=\nAnna\n"
    assert message["From"].addresses[0].addr_spec == "desk@example.org"
    assert message["From"].addresses[0].display_name == 'Helpdesk "Süd"'
    assert (message["In-Reply-To"], message["References"].split()) == ("<b@x>", ["<a@x>", "<b@x>"])
    assert "Auto-Submitted" not in message


def test_nothing_in_the_answered_message_becomes_a_header_of_ours() -> None:
    raw = (
        b"Subject: =?utf-8?q?Hi=0D=0ABcc:_v@x.example?=\r\nReferences: <a@x\r\n Bcc: v@x> <=?utf-8?q?=0D=0A?=@x> <b@x>\r\n"
        b"Message-ID: <c@x>\r\n\r\n"
    )
    headers = read_header_block(raw)
    subject = reply_subject(headers.get("subject") or "", TAG)

    message = composed(subject=subject, references=thread_of(headers), display_name="x\r\nBcc: v@x.example")

    assert "Bcc" not in message
    assert message["References"].split()[-2:] == ["<b@x>", "<c@x>"]


def test_a_long_thread_keeps_its_beginning_and_its_end() -> None:
    ids = " ".join(f"<{number}@x>" for number in range(500))
    thread = thread_of(read_header_block(f"References: {ids}\r\nMessage-ID: <last@x>\r\n\r\n".encode()))

    assert len(thread) == MOST_REFERENCES
    assert (thread[0], thread[-2:]) == ("<0@x>", ("<499@x>", "<last@x>"))


@pytest.mark.parametrize("address", ["", "bob", "bob@x\r\nBcc: v@x", "a@b, c@d"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        composed(to=address)
