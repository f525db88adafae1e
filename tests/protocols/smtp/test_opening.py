"""Opening an SMTP connection: what goes wrong before the first message is raised, and no password leaves in clear."""

import pytest

from core.errors import (
    ConnectionLost,
    DeadlineExceeded,
    LoginRefused,
    NotOffered,
    ProtocolViolation,
    SmtpRefused,
    TlsFailed,
    TlsMissing,
    WireError,
)
from core.protocols.smtp.connection import open_smtp
from core.protocols.tls import Security, TlsTrust
from tests.protocols.conftest import SHORT
from tests.protocols.smtp.sessions import LOGIN, place
from tests.servers.certificates import Certificates
from tests.servers.smtp import Action, RuledSink
from tests.servers.smtp import Phase as At
from tui.demo.sink_session import Security as SinkSecurity


@pytest.mark.parametrize(
    ("at", "action", "expected"),
    [
        (At.CONNECT, "421 4.3.2 busy", SmtpRefused),
        (At.CONNECT, "554 5.7.1 you are listed", SmtpRefused),
        (At.CONNECT, Action.DROP, ConnectionLost),
        (At.CONNECT, Action.HANG, DeadlineExceeded),
        (At.CONNECT, Action.GARBAGE, ProtocolViolation),
        (At.EHLO, "450 4.1.8 later", SmtpRefused),
        (At.EHLO, "550 5.7.1 bad name", SmtpRefused),
        (At.EHLO, "421 4.3.2 busy", SmtpRefused),
        (At.EHLO, Action.DROP, ConnectionLost),
        (At.EHLO, Action.HANG, DeadlineExceeded),
        (At.EHLO, Action.GARBAGE, ProtocolViolation),
        (At.AUTH, "454 4.7.0 later", SmtpRefused),
        (At.AUTH, "421 4.3.2 busy", SmtpRefused),
        (At.AUTH, "535 5.7.8 wrong", LoginRefused),
        (At.AUTH, "534 5.7.9 app password", LoginRefused),
        (At.AUTH, "250 what", ProtocolViolation),
        (At.AUTH, Action.DROP, ConnectionLost),
        (At.AUTH, Action.HANG, DeadlineExceeded),
        (At.AUTH, Action.GARBAGE, ProtocolViolation),
    ],
)
def test_what_goes_wrong_on_opening_is_raised(at: At, action: Action | str, expected: type[WireError]) -> None:
    with RuledSink(users={"ann": "canary-3b7"}) as sink:
        sink.rule(at, action)
        with pytest.raises(WireError) as raised:
            open_smtp(place(sink), LOGIN, ehlo_name="client.example", timeouts=SHORT if action is Action.HANG else None)
    assert type(raised.value) is expected
    if isinstance(raised.value, SmtpRefused):
        assert raised.value.is_permanent == str(action).startswith("5")
    assert "canary" not in f"{raised.value}{raised.value.reply}"


def test_a_wrong_password_is_refused(certificates: Certificates) -> None:
    with RuledSink(SinkSecurity.TLS, certificates.good, {"ann": "other"}) as sink:
        trust = TlsTrust(ca=str(certificates.good.authority))
        with pytest.raises(LoginRefused) as raised:
            open_smtp(place(sink, Security.TLS, trust), LOGIN, ehlo_name="client.example")
    assert raised.value.is_permanent


@pytest.mark.parametrize("kind", ["expired", "wrong_host", "unknown_authority", "self_signed"])
@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_a_certificate_that_is_not_trusted_ends_it_before_the_password(
    certificates: Certificates, kind: str, security: Security
) -> None:
    certificate = certificates.refused()[kind]
    with RuledSink(SinkSecurity(security), certificate, {"ann": "canary-3b7"}) as sink:
        trust = TlsTrust(ca=str(certificate.authority))
        with pytest.raises(TlsFailed):
            open_smtp(place(sink, security, trust), LOGIN, ehlo_name="client.example")
        assert sink.hits[At.AUTH] == 0


def test_required_tls_that_is_not_offered_ends_it_before_the_password() -> None:
    with RuledSink(users={"ann": "canary-3b7"}) as sink:
        with pytest.raises(TlsMissing):
            open_smtp(place(sink, Security.STARTTLS), LOGIN, ehlo_name="client.example")
        assert sink.hits[At.AUTH] == 0


def test_a_login_that_the_relay_does_not_offer_is_told(smtp_sink: RuledSink) -> None:
    with pytest.raises(NotOffered, match="offers no login"):
        open_smtp(place(smtp_sink), LOGIN, ehlo_name="client.example")
