"""What tests of sending share."""

from collections.abc import Iterator

import pytest

from tests.servers.smtp import RuledSink


@pytest.fixture
def second_sink() -> Iterator[RuledSink]:
    """A relay beside `smtp_sink`, for a second mailbox."""
    with RuledSink() as sink:
        yield sink
