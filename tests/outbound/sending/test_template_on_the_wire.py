"""What a template says is what is said and asked for when mail leaves."""

import hashlib
import ssl

import pytest

from core.outbound.sending.deliver import deliver_due
from tests.accounts import ON_SQLITE
from tests.fakes.smtp import ScriptedSmtp
from tests.outbound.world import QUICK, add_mailbox, attempts, put, rows, states
from tests.servers.certificates import Certificates
from tests.servers.smtp import RuledSink
from tui.demo.sink_session import Security

pytestmark = ON_SQLITE


class Local:
    """A scripted server as a template names it."""

    def __init__(self, server: ScriptedSmtp) -> None:
        self.host, self.port = "127.0.0.1", server.port


def test_the_ehlo_name_is_the_templates(handles):
    with ScriptedSmtp({}) as server:
        add_mailbox(handles, "main", Local(server), t_ehlo_name="client.example.org")
        put(handles)
        assert deliver_due(handles, timeouts=QUICK).sent == 1
    assert "EHLO client.example.org" in [command.text for command in server.commands]


def _pin(certificates: Certificates) -> str:
    pem = certificates.self_signed.chain.read_text()
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
def test_a_pinned_certificate_is_taken_and_another_one_is_not(handles, smtp_sink, certificates, security):
    with RuledSink(security, certificates.self_signed) as sink:
        spare = add_mailbox(handles, "spare", smtp_sink, active=False)
        name = "starttls" if security is Security.STARTTLS else "tls"
        pinned = {"t_smtp_security": name, "t_tls_fingerprint": _pin(certificates)}
        add_mailbox(handles, "main", sink, failover=spare, **pinned)
        put(handles)
        assert deliver_due(handles, timeouts=QUICK).sent == 1
        assert [delivered.tls for delivered in sink.deliveries] == [True]

    with RuledSink(security, certificates.good) as other:
        add_mailbox(handles, "other", other, priority=1, failover=spare, **pinned)
        put(handles)
        assert deliver_due(handles, timeouts=QUICK).sent == 1
    assert not other.deliveries
    assert "another certificate" in attempts(handles)[1].text


@pytest.mark.parametrize("fallback", ["starttls", "tls"])
def test_a_fallback_with_tls_sends_nothing_in_clear(handles, smtp_sink, fallback):
    # Nothing answers at the first port; at the second one there is no TLS to be had.
    with RuledSink() as gone:
        away = {"smtp_port": gone.port}
    second = {"t_fallback": True, "t_fallback_port": smtp_sink.port, "t_fallback_security": fallback}
    add_mailbox(handles, "main", smtp_sink, t_smtp_port=away["smtp_port"], t_smtp_security="starttls", **second)
    put(handles)

    deliver_due(handles, timeouts=QUICK)

    assert states(handles) == ["deferred"]
    assert rows(handles)[0].last_error
    assert not smtp_sink.deliveries
