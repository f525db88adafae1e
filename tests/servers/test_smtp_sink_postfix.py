"""smtp-sink takes mail and counts it."""

import smtplib

from tests.servers.smtp_sink_postfix import PostfixSink
from tests.waiting import PATIENCE


def test_counts_what_it_takes() -> None:
    with PostfixSink() as sink:
        assert sink.messages == 0
        with smtplib.SMTP(sink.host, sink.port, timeout=PATIENCE) as connection:
            for _ in range(30):
                connection.sendmail("a@example.com", ["b@example.com"], b"Subject: x\r\n\r\nx\r\n")
        assert sink.messages == 30
