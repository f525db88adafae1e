"""From the bytes of a message to its verdict."""

from base64 import b64encode
from dataclasses import replace

import pytest

from core.inbound.decisions.judging import judge_message
from core.protocols.source import Fetched, Key
from tests.inbound.verdicts import N1, NOW, RULES


def with_file(media_type: str, content: str) -> Fetched:
    raw = (
        "From: ann@x.example\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nSee there.\n"
        f"--b\nContent-Type: {media_type}\nContent-Disposition: attachment\n\n{content}\n--b--\n"
    ).replace("\n", "\r\n").encode()  # fmt: skip
    return Fetched(Key("INBOX", 1, 1, ""), raw, len(raw), None)


@pytest.mark.parametrize(
    ("media_type", "content", "is_found"),
    [
        ("text/csv", f"1;Ticket#{N1}", True),
        ("application/xml", f"<t>Ticket#{N1}</t>", True),
        # Whoever forwards a mail as a file leaves its subject as it was.
        ("message/rfc822", f"Subject: Re: [Ticket#{N1}] printer\n\nhello", True),
        (
            "message/rfc822",
            f"Subject: =?utf-8?B?{b64encode(f'Grüße [Ticket#{N1}]'.encode()).decode()}?=\n\nhello",
            True,
        ),
        (
            "text/plain; charset=utf-16le\nContent-Transfer-Encoding: base64",
            b64encode(f"Ticket#{N1}".encode("utf-16le")).decode(),
            True,
        ),
        ("application/pdf", f"Ticket#{N1}", False),
    ],
)
def test_numbers_are_looked_for_in_files_that_are_text(media_type: str, content: str, is_found: bool) -> None:
    judged = judge_message(with_file(media_type, content), replace(RULES, followup_in_attachments=True), NOW)
    assert judged.verdict is not None
    assert judged.verdict.candidates.late_numbers == ((N1,) if is_found else ())
