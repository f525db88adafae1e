"""Canonical line endings: CRLF, and no CR or LF elsewhere (RFC 5321 2.3.8); anything else invites SMTP smuggling."""

import re

_LINE_ENDS = re.compile(rb"\r++\n?+|\n")
_BARE_CR = re.compile(rb"\r(?!\n)")


def is_canonical(raw: bytes) -> bool:
    """Whether every line, the last one too, ends with CRLF and no CR or LF stands alone."""
    return raw.endswith(b"\r\n") and not has_bare_ends(raw)


def has_bare_ends(raw: bytes) -> bool:
    """Whether a CR or an LF stands alone anywhere."""
    # To count CRLF takes far longer than this: as many of one as of the other, and an LF behind each CR.
    return raw.count(b"\n") != raw.count(b"\r") or _BARE_CR.search(raw) is not None


def canonical_crlf(raw: bytes) -> bytes:
    """The same lines with CRLF endings: a bare CR or LF ends a line, and CR CR LF is one ending converted twice."""
    if is_canonical(raw):
        return raw
    if b"\r" not in raw:
        lines = raw.replace(b"\n", b"\r\n")
    else:
        lines = _LINE_ENDS.sub(_canonical_end, raw)
    return lines if lines.endswith(b"\r\n") else lines + b"\r\n"


def _canonical_end(found: re.Match[bytes]) -> bytes:
    ending = found.group()
    return b"\r\n" if ending.endswith(b"\n") else b"\r\n" * len(ending)
