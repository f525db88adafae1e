"""Which settings make a certificate acceptable, and what is said when they make none."""

import os
import ssl
import threading
import warnings
from pathlib import Path

import pytest

from core.errors import ConnectionLost, DeadlineExceeded, TlsFailed
from core.protocols.resolve import connect, resolve
from core.protocols.tls import Security, TlsTrust, context_for
from core.protocols.wire import Wire
from tests.protocols.scripted import ScriptedServer, Talk
from tests.servers.certificates import Certificates


def secured(server: ScriptedServer, trust: TlsTrust, seconds: float = 5) -> Wire:
    wire = Wire(*connect(resolve("127.0.0.1", server.port, 5), 5, place="x:1"), "x:1")
    wire.secure("localhost", trust, seconds)
    wire.close()
    return wire


def test_every_context_verifies_and_refuses_old_versions() -> None:
    context = context_for(TlsTrust())
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_an_extra_authority_is_taken_as_text_or_as_file(certificates: Certificates) -> None:
    path = certificates.good.authority
    with ScriptedServer(lambda talk: (talk.secure(certificates.good), talk.stay_silent())) as server:
        for ca in (str(path), path.read_text()):
            facts = secured(server, TlsTrust(ca=ca)).tls
            assert facts is not None
            assert facts.subject == "localhost"


def test_an_authority_file_that_was_replaced_is_read_again(certificates: Certificates, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(certificates.unknown_authority.authority.read_bytes())
    first = context_for(TlsTrust(ca=str(path)))
    assert context_for(TlsTrust(ca=str(path))) is first
    path.write_bytes(certificates.good.authority.read_bytes())
    os.utime(path, (1, 1))
    assert context_for(TlsTrust(ca=str(path))) is not first


@pytest.mark.parametrize("ca", ["/no/such/file.pem", "-----BEGIN CERTIFICATE-----\nnonsense", __file__])
def test_an_authority_that_cannot_be_used_is_told(ca: str) -> None:
    with pytest.raises(TlsFailed, match="extra CA"):
        context_for(TlsTrust(ca=ca))


@pytest.mark.parametrize("fingerprint", ["abc", "zz" * 32, "ab" * 20])
def test_a_fingerprint_that_is_no_sha256_is_told(fingerprint: str) -> None:
    with pytest.raises(TlsFailed, match="64 hexadecimal digits"):
        context_for(TlsTrust(fingerprint=fingerprint))


def test_a_server_with_broken_tls_versions_only_is_refused(certificates: Certificates) -> None:
    def old(talk: Talk) -> None:
        context = certificates.good.server_context()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
        talk.secure_with(context)

    with ScriptedServer(old) as server, pytest.raises(TlsFailed, match=r"below 1\.2"):
        secured(server, TlsTrust(ca=str(certificates.good.authority)))


def test_a_handshake_that_never_comes_is_left_at_the_deadline() -> None:
    with ScriptedServer(lambda talk: talk.stay_silent()) as server, pytest.raises(DeadlineExceeded) as raised:
        secured(server, TlsTrust(), 0.3)
    assert raised.value.phase == "tls"


def test_a_handshake_that_drips_is_left_at_the_deadline() -> None:
    pause = threading.Event()

    def drip(talk: Talk) -> None:
        talk.send(b"\x16\x03\x03\x40\x00")
        talk.drip(pause)

    with ScriptedServer(drip) as server, pytest.raises((DeadlineExceeded, TlsFailed)):
        secured(server, TlsTrust(), 0.3)
    pause.set()


def test_a_server_that_hangs_up_in_the_handshake_is_no_certificate_trouble() -> None:
    with ScriptedServer(lambda talk: talk.close()) as server, pytest.raises(ConnectionLost) as raised:
        secured(server, TlsTrust())
    assert not raised.value.is_permanent


def test_the_words_for_security_are_those_of_the_configuration() -> None:
    assert [str(each) for each in Security] == ["none", "starttls", "tls"]
