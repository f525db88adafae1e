"""A certificate authority of our own and certificates for servers on loopback."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme

LOOPBACK = ("localhost", "127.0.0.1", "127.0.0.2", "::1")
"""The names under which a server on this machine is reached; 127.0.0.2 is loopback that no server takes for itself."""


@dataclass(frozen=True)
class ServerCertificate:
    """PEM files of one server and of the authority that signed for it."""

    chain: Path
    """The server's certificate, followed by intermediate ones."""
    key: Path
    """The server's private key, readable by its owner only."""
    authority: Path
    """What a client must trust to accept `chain`."""

    def server_context(self) -> ssl.SSLContext:
        """The TLS settings of a server that shows this certificate."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.chain, self.key)
        return context

    def client_context(self) -> ssl.SSLContext:
        """The TLS settings of a client that verifies, and trusts this authority only."""
        return ssl.create_default_context(cafile=self.authority)


def make_certificate(folder: Path, hosts: tuple[str, ...] = LOOPBACK) -> ServerCertificate:
    """Write a new authority and a certificate for `hosts` into `folder`."""
    authority = trustme.CA(organization_name="Postroom demo")
    return write(folder, "server", authority, authority.issue_cert(*hosts))


def write(folder: Path, name: str, trusted: trustme.CA, leaf: trustme.LeafCert) -> ServerCertificate:
    """Write `leaf` and the authority that clients shall trust as `name`-….pem files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = ServerCertificate(
        folder / f"{name}-chain.pem", folder / f"{name}-key.pem", folder / f"{name}-authority.pem"
    )
    files.chain.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    files.key.touch(mode=0o600)
    files.key.write_bytes(leaf.private_key_pem.bytes())
    trusted.cert_pem.write_to_path(str(files.authority))
    return files
