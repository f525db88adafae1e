"""What a server's certificate says, as values."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.text import bounded, clean

if TYPE_CHECKING:
    from cryptography import x509

_LONGEST_NAME = 200
_MOST_NAMES = 10


@dataclass(frozen=True)
class Certificate:
    """A server's certificate; its words are cleaned, since anyone can put anything into one."""

    subject: str
    """Whom it names; its common name, else its first host name."""
    issuer: str
    """Who signed it."""
    names: tuple[str, ...]
    """The hosts it is for, at most ten."""
    begins: datetime
    """Valid from."""
    expires: datetime
    """Valid until."""
    fingerprint: str
    """SHA-256 in hex with colons."""

    def __str__(self) -> str:
        return f"(Subject: {self.subject}; issuer: {self.issuer}; SHA-256: {self.fingerprint})"


def read_certificate(der: bytes) -> Certificate:
    """Read a certificate; one that cannot be read says so in its subject."""
    # Imported here: it takes 30 ms, and a connection without TLS has no use for it.
    from cryptography import x509

    digest = hashlib.sha256(der).hexdigest().upper()
    fingerprint = ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))
    try:
        certificate = x509.load_der_x509_certificate(der)
        names = _names(certificate)
        subject = _common_name(certificate.subject) or (names[0] if names else _shown(certificate.subject))
        issuer = _common_name(certificate.issuer) or _shown(certificate.issuer)
        return Certificate(
            subject, issuer, names, certificate.not_valid_before_utc, certificate.not_valid_after_utc, fingerprint
        )
    except (ValueError, TypeError):
        epoch = datetime.fromtimestamp(0, UTC)
        return Certificate("unreadable", "unknown", (), epoch, epoch, fingerprint)


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    from cryptography import x509

    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    hosts = extension.get_values_for_type(x509.DNSName)
    addresses = extension.get_values_for_type(x509.IPAddress)
    return tuple(_shown(name) for name in [*hosts, *addresses][:_MOST_NAMES])


def _common_name(name: x509.Name) -> str:
    from cryptography.x509.oid import NameOID

    values = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return _shown(values[0].value) if values else ""


def _shown(value: object) -> str:
    text = value.rfc4514_string() if hasattr(value, "rfc4514_string") else str(value)
    return bounded(clean(text), _LONGEST_NAME)
