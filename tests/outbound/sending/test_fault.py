"""Why a mailbox cannot send at all, told from what went wrong on the way: a table."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from core.errors import (
    ConfigurationError,
    ConnectionLost,
    LoginRefused,
    OAuthUnavailable,
    SmtpRefused,
    TlsFailed,
    Unreachable,
)
from core.outbound.sending.fault import Fault

HOST = "relay.example:587"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Unreachable("refused", host=HOST), Fault("refused", "connect", HOST)),
        (ConnectionLost("lost", host=HOST, phase="ehlo"), Fault("lost", "ehlo", HOST)),
        # A person must change something.
        (TlsFailed("expired", host=HOST, phase="tls"), Fault("expired", "tls", HOST, is_configuration=True)),
        (ConfigurationError("no password"), Fault("no password", "login", is_configuration=True)),
        (
            LoginRefused("refused", host=HOST, phase="login", reply="535 5.7.8 bad password"),
            Fault("refused", "login", HOST, 535, "5.7.8", is_configuration=True),
        ),
        (
            LoginRefused("refused", host=HOST, phase="login", reply="535 bad password"),
            Fault("refused", "login", HOST, 535, "", is_configuration=True),
        ),
        (LoginRefused("refused", host=HOST, phase="login"), Fault("refused", "login", HOST, is_configuration=True)),
        # What the server said is a reply's code where it is one: here a provider of tokens answered.
        (OAuthUnavailable("busy", host="login.example", reply="503 busy"), Fault("busy", "token", "login.example")),
        (
            SmtpRefused("busy", code=454, enhanced="4.7.0", text="later", host=HOST, phase="starttls"),
            Fault("busy", "starttls", HOST, 454, "4.7.0"),
        ),
    ],
)  # fmt: skip
def test_what_an_error_on_the_way_means(error, expected):
    assert Fault.of(error) == expected


def test_a_try_began_when_its_connection_did_and_tells_how_long_that_took():
    now, job, route = (
        datetime(2026, 5, 1, tzinfo=UTC),
        SimpleNamespace(number=1),
        SimpleNamespace(mailbox_id=7, name="m"),
    )
    tried = Fault.of(Unreachable("slow", host=HOST), ms=1500.0).as_try(job, route, now)
    assert (tried.started_at, tried.ms) == (now - timedelta(seconds=1.5), 1500.0)
