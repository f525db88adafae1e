"""Certificates that a client must accept, and the four kinds that it must refuse."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import trustme

from tui.demo.certificates import LOOPBACK, ServerCertificate, write


@dataclass(frozen=True)
class Certificates:
    """One server certificate of each kind; `authority` of each is what the client under test trusts."""

    good: ServerCertificate
    """Valid for localhost, 127.0.0.1, 127.0.0.2 and ::1."""
    expired: ServerCertificate
    """As `good`, but its time ended in 2020."""
    wrong_host: ServerCertificate
    """Signed by the trusted authority, for mail.example.com."""
    unknown_authority: ServerCertificate
    """For localhost, signed by an authority that the client does not trust."""
    self_signed: ServerCertificate
    """For localhost, signed with its own key."""

    def refused(self) -> dict[str, ServerCertificate]:
        """The kinds that every client must refuse, by name."""
        return {
            "expired": self.expired,
            "wrong_host": self.wrong_host,
            "unknown_authority": self.unknown_authority,
            "self_signed": self.self_signed,
        }


def make_certificates(folder: Path) -> Certificates:
    """Write all kinds into `folder`."""
    trusted = trustme.CA()
    past = datetime(2020, 1, 1, tzinfo=UTC)
    before = datetime(2019, 1, 1, tzinfo=UTC)
    return Certificates(
        good=write(folder, "good", trusted, trusted.issue_cert(*LOOPBACK)),
        expired=write(folder, "expired", trusted, trusted.issue_cert(*LOOPBACK, not_before=before, not_after=past)),
        wrong_host=write(folder, "wrong-host", trusted, trusted.issue_cert("mail.example.com")),
        unknown_authority=write(folder, "unknown-authority", trusted, trustme.CA().issue_cert(*LOOPBACK)),
        self_signed=_write_self_signed(folder, trusted),
    )


def _write_self_signed(folder: Path, trusted: trustme.CA) -> ServerCertificate:
    # trustme issues no self-signed server certificate, so this one is built by hand.
    import ipaddress
    from datetime import timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = ServerCertificate(
        folder / "self-signed-chain.pem", folder / "self-signed-key.pem", folder / "self-signed-authority.pem"
    )
    files.chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files.key.touch(mode=0o600)
    files.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    trusted.cert_pem.write_to_path(str(files.authority))
    return files
