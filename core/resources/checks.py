"""Checks that fields of several kinds share; each gives the sentence that says what is wrong, or `None`."""

from __future__ import annotations

import re
from datetime import date
from urllib.parse import urlsplit

_HOST = re.compile(r"(?!-)[A-Za-z0-9_.:\-\u0080-\U0010ffff]{1,253}(?<!-)")
_EHLO = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?|\[(?:[0-9.]{7,15}|IPv6:[0-9A-Fa-f:.]{2,45})\]")
_LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}|::1")
_FINGERPRINT = re.compile(r"(?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}")


def host(value: str) -> str | None:
    """A host name or address, without scheme, port or spaces."""
    if not value or _HOST.fullmatch(value.strip("[]")):
        return None
    return f"{value!r} is no host name: give just the name, as in imap.example.org."


def ehlo_name(value: str) -> str | None:
    """What we call ourselves: a host name or an address literal (RFC 5321 §4.1.4); empty is fine."""
    if not value or _EHLO.fullmatch(value):
        return None
    return f"{value!r} is no host name and no address literal: write mail.example.org, or [192.0.2.1]."


def mail_address(value: str) -> str | None:
    """One e-mail address that can stand in an envelope; empty is fine."""
    if not value:
        return None
    from core.mail.strict_address import strict_address

    try:
        strict_address(value)
    except ValueError as error:
        return str(error)
    return None


def sender(value: str) -> str | None:
    """One address, perhaps with the name that stands before it: `Support <support@example.org>`."""
    from core.mail.addresses import address_of, read_addresses

    if "<" in value and (len(read_addresses(value)) != 1 or not address_of(value) or not value.isprintable()):
        return f"{value!r} is no sender: write an address, or Name <name@example.org>."
    return mail_address(address_of(value))


def mail_addresses(values: list[str]) -> str | None:
    """A list of such addresses."""
    complaints = [complaint for value in values if (complaint := mail_address(value))]
    return " ".join(complaints) or None


def fingerprint(value: str) -> str | None:
    """A certificate's SHA-256; empty is fine."""
    if not value or _FINGERPRINT.fullmatch(value):
        return None
    return "is the certificate's SHA-256: 64 hexadecimal digits, with or without colons."


def wire_argument(value: str) -> str | None:
    """What is sent in a command: CR, LF or NUL would begin another one."""
    return "must not hold line breaks or NUL." if re.search(r"[\r\n\x00]", value) else None


def folders(values: list[str]) -> str | None:
    """At least one folder name, and none twice: INBOX is the one name without case (RFC 3501 §5.1)."""
    if not values:
        return "names at least one folder, as INBOX."
    names = ["INBOX" if value.upper() == "INBOX" else value for value in values]
    if twice := next((name for name in names if names.count(name) > 1), None):
        return f"names {twice} twice: its messages would come twice."
    return next((complaint for value in values if (complaint := wire_argument(value))), None)


def file_name(value: str) -> str | None:
    """A bare file name within a folder of ours; empty is fine."""
    if value and (re.search(r"[/\\\x00-\x1f\x7f]", value) or value.startswith(".") or len(value.encode()) > 255):
        return "is the name of a file in the scripts folder, without a path."
    return None


def web_address(value: str) -> str | None:
    """An https address, or http on this machine alone; empty is fine."""
    if not value or _is_web_address(value):
        return None
    return "is an https:// address (http:// only on this machine), without user name or spaces."


def _is_web_address(value: str) -> bool:
    if re.search(r"[\s\\\x00-\x1f]", value):
        return False  # readers of addresses differ over these: what is checked must be what is called
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _LOOPBACK.fullmatch(host) is not None)


def tenant(value: str) -> str | None:
    """A directory's id or domain, which becomes part of an address; empty is fine."""
    if not value or re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", value):
        return None
    return f"is the directory's id or its domain, as in contoso.onmicrosoft.com; {value!r} is neither."


def start_from(value: str) -> str | None:
    """`all`, `now` or a date."""
    if value in {"all", "now"}:
        return None
    try:
        date.fromisoformat(value)
    except ValueError:
        return f"is all, now or a date such as 2026-01-31; {value!r} is not."
    return None
