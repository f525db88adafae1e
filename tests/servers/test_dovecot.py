"""The private Dovecot starts, takes mail, gives it back, and can be unkind where a test asks for it."""

import imaplib
import poplib
import socket
import ssl

import pytest

from tests.servers.certificates import Certificates
from tests.servers.dovecot import DovecotServer, capabilities_without
from tests.waiting import PATIENCE
from tui.demo.dovecot import DovecotFailed
from tui.demo.dovecot_config import DovecotOptions

MAILS = [b"Subject: %d\r\n\r\nline\r\n.dot\r\n" % number + b"x" * 3000 * number + b"\r\n" for number in range(5)]


def test_delivered_mail_is_served_in_order_and_byte_for_byte(dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    assert dovecot.deliver(user, MAILS) == 5
    assert [mail.raw for mail in dovecot.mails(user)] == MAILS
    assert dovecot.mails(user)[0].flags == {r"\Recent"}, "reading back must not change flags"
    assert [raw for _, raw in dovecot.pop3_mails(user)] == MAILS


def test_mail_kept_with_bare_line_feeds_is_served_with_crlf(dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [b"Subject: a\n\nb\n"])
    assert [mail.raw for mail in dovecot.mails(user)] == [b"Subject: a\r\n\r\nb\r\n"]


def test_appended_mail_is_served_with_its_flags(dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    dovecot.append(user, MAILS[1], flags=r"\Seen", internal_date='"01-Feb-2024 03:04:05 +0000"')
    (mail,) = dovecot.mails(user)
    assert mail.raw == MAILS[1]
    assert r"\Seen" in mail.flags


@pytest.mark.parametrize("folder", ["Support", "Support/2024", "Entwürfe", "a b"])
def test_folders_can_be_delivered_into(dovecot: DovecotServer, folder: str) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, MAILS, folder)
    dovecot.append(user, b"Subject: x\r\n\r\n", folder)
    assert [mail.raw for mail in dovecot.mails(user, folder)] == [*MAILS, b"Subject: x\r\n\r\n"]
    assert dovecot.mails(user) == []


def test_another_client_can_flag_and_remove(dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, MAILS)
    first, second = (mail.uid for mail in dovecot.mails(user)[:2])
    dovecot.set_flags(user, first, r"\Flagged")
    dovecot.remove(user, second)
    assert r"\Flagged" in dovecot.mails(user)[0].flags
    assert len(dovecot.mails(user)) == 4


def test_uidvalidity_changes_when_reset(dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, MAILS)
    dovecot.deliver(user, MAILS, "Other")
    seen = {(dovecot.uidvalidity(user), dovecot.uidvalidity(user, "Other"))}
    dovecot.reset_uidvalidity(user)
    dovecot.reset_uidvalidity(user, "Other")
    seen.add((dovecot.uidvalidity(user), dovecot.uidvalidity(user, "Other")))
    assert len({inbox for inbox, _ in seen}) == 2
    assert len({other for _, other in seen}) == 2
    assert sorted(mail.raw for mail in dovecot.mails(user)) == sorted(MAILS)


@pytest.mark.parametrize("implicit", [True, False])
def test_imap_and_pop3_speak_tls_with_the_good_certificate(
    dovecot: DovecotServer, certificates: Certificates, implicit: bool
) -> None:
    context = certificates.good.client_context()
    user = dovecot.fresh_user()
    imap: imaplib.IMAP4
    pop3: poplib.POP3
    if implicit:
        imap = imaplib.IMAP4_SSL("localhost", dovecot.ports.imaps, ssl_context=context, timeout=PATIENCE)
        pop3 = poplib.POP3_SSL("localhost", dovecot.ports.pop3s, context=context, timeout=PATIENCE)
    else:
        imap = imaplib.IMAP4("localhost", dovecot.ports.imap, timeout=PATIENCE)
        imap.starttls(context)
        pop3 = poplib.POP3("localhost", dovecot.ports.pop3, timeout=PATIENCE)
        pop3.stls(context)
    with imap:
        assert imap.login(user, "secret")[0] == "OK"
    pop3.user(user)
    assert pop3.pass_("secret").startswith(b"+OK")
    pop3.quit()


@pytest.mark.parametrize("kind", ["expired", "wrong_host", "unknown_authority", "self_signed"])
def test_bad_certificates_are_bad(certificates: Certificates, kind: str) -> None:
    bad = certificates.refused()[kind]
    with (
        DovecotServer(bad, {}) as server,
        socket.create_connection((server.host, server.ports.imaps), timeout=PATIENCE) as connection,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        bad.client_context().wrap_socket(connection, server_hostname="localhost")


def test_wrong_password_is_refused_without_delay_for_the_next(dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    with (
        imaplib.IMAP4(dovecot.host, dovecot.ports.imap, timeout=PATIENCE) as connection,
        pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"),
    ):
        connection.login(user, "wrong")
    assert dovecot.mails(user) == []


def test_options_take_effect(certificates: Certificates) -> None:
    options = DovecotOptions(
        plaintext_login=False,
        max_connections_per_user=1,
        quota_kilobytes=10,
        pop3_uidl_format="%f",
        imap_capability=capabilities_without("UIDPLUS", "MOVE", "IDLE"),
    )
    with DovecotServer(certificates.good, {"ada": "pw"}, options) as server:
        context = certificates.good.client_context()
        with imaplib.IMAP4(server.host, server.ports.imap, timeout=PATIENCE) as in_clear:
            assert "LOGINDISABLED" in in_clear.capabilities
        with imaplib.IMAP4_SSL(server.host, server.ports.imaps, ssl_context=context, timeout=PATIENCE) as connection:
            connection.login("ada", "pw")
            announced = connection.capability()[1][-1].split()
            assert not {b"UIDPLUS", b"MOVE", b"IDLE"} & set(announced)
            status, text = connection.append("INBOX", "", "", b"Subject: x\r\n\r\n" + b"x" * 20_000)
            assert (status, text[0][:11]) == ("NO", b"[OVERQUOTA]")
            second = imaplib.IMAP4_SSL(server.host, server.ports.imaps, ssl_context=context, timeout=PATIENCE)
            with pytest.raises(imaplib.IMAP4.error, match="Maximum number of connections"):
                second.login("ada", "pw")
            second.shutdown()


def test_a_start_that_fails_says_why(certificates: Certificates) -> None:
    server = DovecotServer(certificates.good, {}, DovecotOptions(extra="no_such_setting = yes"))
    with pytest.raises(DovecotFailed, match="no_such_setting"):
        server.start()
    server.close()


def test_another_server_on_a_port_is_no_start(certificates: Certificates, dovecot: DovecotServer) -> None:
    second = DovecotServer(certificates.good, {})
    second.ports = dovecot.ports
    with pytest.raises(DovecotFailed, match="Address already in use"):
        second.start()
    second.close()


def test_it_comes_back_on_the_same_ports(certificates: Certificates) -> None:
    with DovecotServer(certificates.good, {"ada": "pw"}) as server:
        server.deliver("ada", MAILS)
        before = server.mails("ada")
        server.stop()
        with pytest.raises(ConnectionRefusedError):
            server.mails("ada")
        server.start()
        assert [mail.uid for mail in server.mails("ada")] == [mail.uid for mail in before]
