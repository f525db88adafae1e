"""TLS that is verified always: against the known authorities, an extra one, or a pinned fingerprint."""

from __future__ import annotations

import codecs
import hashlib
import hmac
import re
import socket
import ssl
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from core.clock import utcnow
from core.errors import ConnectionLost, DeadlineExceeded, TlsFailed, Unreachable, WireError
from core.protocols.certificate import Certificate, read_certificate
from core.protocols.tls_stream import TlsStream
from core.shortage import TOO_MANY_FILES, is_out_of_files, shortage_of

# Which TLS needs for a host's name, and loads when it is first wanted. Had there been no files to be opened just then,
# Python would hold for good that there is no such codec, and no connection would be made until the process ends.
codecs.lookup("idna")


class Security(StrEnum):
    """How a connection is protected; what is chosen is required."""

    NONE = "none"
    """In clear: anyone on the way can read password and mail."""
    STARTTLS = "starttls"
    """Begins in clear, then TLS before anything that matters (RFC 3207, RFC 2595)."""
    TLS = "tls"
    """TLS from the first byte (RFC 8314)."""


@dataclass(frozen=True)
class TlsTrust:
    """What makes a server's certificate acceptable besides the authorities that the system knows."""

    ca: str = ""
    """One more authority: PEM text, or the path of a file that holds it."""
    fingerprint: str = ""
    """SHA-256 of the one certificate to accept, in hex, colons allowed. Replaces the check of chain and name."""

    @property
    def pin(self) -> str:
        """The fingerprint as plain lower-case hex."""
        return re.sub(r"[\s:]", "", self.fingerprint).lower()


@dataclass(frozen=True)
class TlsFacts:
    """What was agreed with a server."""

    version: str
    """`TLSv1.3`"""
    cipher: str
    """`TLS_AES_256_GCM_SHA384`"""
    certificate: Certificate
    """The server's."""

    @property
    def subject(self) -> str:
        """Whom the certificate names."""
        return self.certificate.subject

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, for pinning."""
        return self.certificate.fingerprint

    @property
    def days_left(self) -> int:
        """Whole days until the certificate expires."""
        return (self.certificate.expires - utcnow()).days


def context_for(trust: TlsTrust) -> ssl.SSLContext:
    """The TLS settings of a client; cached, since reading the system's authorities takes 10 ms.

    Raises:
        TlsFailed: the fingerprint or the authorities that it is to trust make no sense.
    """
    if trust.pin and not re.fullmatch(r"[0-9a-f]{64}", trust.pin):
        raise TlsFailed(
            "The pinned fingerprint is not the SHA-256 of a certificate: 64 hexadecimal digits.", phase="tls"
        )
    return _context(trust, _changed_at(trust.ca))


def handshake(plain: socket.socket, host: str, trust: TlsTrust, *, place: str = "") -> TlsStream:
    """Begin TLS on an open connection and verify the server, within the timeout that the socket has.

    Raises:
        TlsFailed: the server's certificate is not to be trusted, or the two have no TLS in common.
        DeadlineExceeded, ConnectionLost: it did not come to an end.
    """
    context = context_for(trust)
    try:
        secured = TlsStream(plain, context, host)
        secured.do_handshake()
    except TimeoutError as error:
        raise DeadlineExceeded("The TLS handshake took too long.", host=place, phase="tls") from error
    except ssl.SSLCertVerificationError as error:
        raise TlsFailed(explain(error, host, None), host=place, phase="tls") from error
    except (ssl.SSLEOFError, ConnectionError) as error:
        raise ConnectionLost(
            "The server ended the connection during the TLS handshake.", host=place, phase="tls"
        ) from error
    except (ssl.SSLError, ValueError) as error:
        raise TlsFailed(_handshake_failure(error), host=place, phase="tls") from error
    except OSError as error:
        raise ConnectionLost(f"The TLS handshake failed: {error}", host=place, phase="tls") from error
    if trust.pin:
        _compare(secured, trust.pin, place)
    return secured


def look_at_certificate(plain: socket.socket, host: str) -> Certificate:
    """Whatever certificate the server shows, verified or not; for an error's text only: nothing is sent over it.

    Raises:
        WireError: it shows none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with context.wrap_socket(plain, server_hostname=host) as secured:
            return read_certificate(secured.getpeercert(binary_form=True) or b"")
    except (OSError, ValueError) as error:
        raise WireError("The certificate could not be looked at.", phase="tls") from error


def describe(secured: TlsStream) -> TlsFacts:
    """What was agreed, once the handshake is over."""
    return TlsFacts(secured.version(), secured.cipher(), read_certificate(secured.certificate()))


def explain(error: ssl.SSLCertVerificationError, host: str, certificate: Certificate | None) -> str:
    """A sentence for each reason why a certificate is refused, with what it says when that is known."""
    seen = f" {certificate}" if certificate is not None else ""
    match error.verify_code:
        case 18:
            why = "The server's certificate is self-signed. Pin its fingerprint if it is the right one."
        case 19 | 20 | 21 | 2:
            why = (
                "The server's certificate was issued by an unknown authority. Give that authority's certificate as CA."
            )
        case 10:
            on = f" on {certificate.expires:%Y-%m-%d}" if certificate is not None else ""
            why = f"The server's certificate expired{on}. Its operator must renew it."
        case 9:
            on = f" before {certificate.begins:%Y-%m-%d}" if certificate is not None else ""
            why = f"The server's certificate is not valid yet{on}. Is this machine's clock right?"
        case 62 | 64:
            names = f"; it names {', '.join(certificate.names) or 'nobody'}" if certificate is not None else ""
            why = f"The server's certificate is not for {host}{names}. Use a host name that stands in it."
        case 23:
            why = "The server's certificate was revoked by its authority."
        case _:
            why = f"The server's certificate is not accepted: {error.verify_message}."
    return why + seen


@lru_cache(maxsize=256)
def _context(trust: TlsTrust, ca_changed_at: float) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if is_out_of_files():
        # The system's authorities may not have been read, without a word, and for good: nobody would be trusted.
        raise Unreachable(TOO_MANY_FILES, phase="tls")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if trust.pin:
        # The fingerprint is compared after the handshake; it says more than a chain can.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif trust.ca:
        _add_authority(context, trust.ca)
    return context


def _add_authority(context: ssl.SSLContext, ca: str) -> None:
    try:
        if _is_pem(ca):
            context.load_verify_locations(cadata=ca)
        else:
            context.load_verify_locations(cafile=ca)
    except (OSError, ValueError) as error:
        if (shortage := shortage_of(error)) is not None:
            raise Unreachable(str(shortage), phase="tls") from error
        what = "text" if _is_pem(ca) else f"file {ca}"
        why = getattr(error, "strerror", None) or str(error)
        raise TlsFailed(f"The extra CA {what} cannot be used: {why}.", phase="tls") from error


def _is_pem(ca: str) -> bool:
    return "-----BEGIN" in ca


def _changed_at(ca: str) -> float:
    """Part of the cache's key: a file that was replaced is read again."""
    if not ca or _is_pem(ca):
        return 0.0
    try:
        return Path(ca).stat().st_mtime
    except (OSError, ValueError):
        return 0.0


def _compare(secured: TlsStream, pin: str, place: str) -> None:
    der = secured.certificate()
    if not hmac.compare_digest(hashlib.sha256(der).hexdigest(), pin):
        secured.close()
        raise TlsFailed(
            "The server shows another certificate than the pinned one. Pin the new one only after asking the server's"
            f" operator. {read_certificate(der)}",
            host=place,
            phase="tls",
        )


_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL")
_TOO_OLD = ("UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "VERSION_TOO_LOW", "WRONG_SSL_VERSION")
_TOO_WEAK = ("TOO_SMALL", "TOO_WEAK", "NO_SHARED_CIPHER", "LEGACY", "HANDSHAKE_FAILURE", "NO_CIPHERS")
NEEDS_CLIENT_CERTIFICATE = (
    "The server asks for a client certificate, which is not supported: use another port or login."
)
_WANTS_CLIENT = ("CERTIFICATE_REQUIRED", "ALERT_BAD_CERTIFICATE")


def _handshake_failure(error: Exception) -> str:
    reason = str(getattr(error, "reason", "") or error)
    if any(word in reason for word in _NO_TLS):
        return "The server does not speak TLS on this port. Use STARTTLS, or the port for TLS."
    if any(word in reason for word in _TOO_OLD):
        return "The server speaks only TLS versions that are broken (below 1.2). Its operator must update it."
    if any(word in reason for word in _TOO_WEAK):
        return f"The server and we share no safe way to encrypt ({reason}). Its operator must update it."
    if any(word in reason for word in _WANTS_CLIENT):
        return NEEDS_CLIENT_CERTIFICATE
    return f"The TLS handshake failed: {reason}"
