"""Servers' own words in place of a message."""

import pytest

from core.mail.withheld import tells_of_removal, words_in_its_place

# As Exchange 2010 served it by IMAP; Microsoft 365 says the same.
NOTE = (
    b'MIME-Version: 1.0\r\nContent-Type: text/plain; charset="us-ascii"\r\n'
    b"From: Microsoft Exchange Server 2010\r\nTo: Ann <ann@example.org>\r\n"
    b"Subject: Retrieval using the IMAP4 protocol failed for the following\r\n message: 20004\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"The server couldn't retrieve the following message:\r\n\r\n"
    b'Subject: "Canceled: Meeting"\r\nFrom: "Bob" ("bob@example.com")\r\nSent date: 07.04.2022 21:49:08\r\n\r\n'
    b"The message hasn't been deleted. You might be able to view it using either =\r\nOutlook or Outlook Web App.\r\n"
)

# As Courier 5.0 served it by IMAP.
REMOVED = (
    b"From: System Administrator <root@localhost>\r\nSubject: message unavailable\r\n\r\n"
    b"This message is no longer available on the server.\r\n"
)


@pytest.mark.parametrize("protocol", [b"IMAP4", b"POP3"])
def test_the_note_is_told_from_a_message(protocol: bytes) -> None:
    said = words_in_its_place(NOTE.replace(b"IMAP4", protocol))
    assert said == f"Retrieval using the {protocol.decode()} protocol failed for the following message: 20004"


@pytest.mark.parametrize(
    "mail",
    [
        b"Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n" + NOTE,
        b"Message-ID: <1@example.org>\r\n" + NOTE,
        NOTE.replace(b"Server 2010", b"<mallory@example.com>"),
        NOTE.replace(b"Subject: Retrieval", b"Subject: Fwd: Retrieval"),
        NOTE + b"x" * 20_000,
        b"Subject: hello\r\n\r\nRetrieval. The message hasn't been deleted\r\n",
    ],
    ids=["it was sent", "it has a name", "it has a sender", "it was passed on", "long", "another subject"],
)
def test_what_somebody_sent_is_a_message_whatever_it_says(mail: bytes) -> None:
    assert words_in_its_place(mail) == ""


def test_what_courier_says_of_a_removed_message_is_told_from_one_that_was_sent() -> None:
    assert tells_of_removal(REMOVED)
    assert not tells_of_removal(b"Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n" + REMOVED)
