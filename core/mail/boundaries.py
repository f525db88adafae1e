"""The boundary of a multipart (RFC 2046 5.1.1), also where its field names another one, or none."""

import re
from collections.abc import Container

LONGEST_BOUNDARY = 256
"""Bytes of a boundary that count; RFC 2046 allows 70."""

# A delimiter and a field of the part behind it. Text that begins so is hardly meant as text.
_DELIMITER = re.compile(rb"(?:[ \t]*+\r?\n){0,4}+--([^\r\n]{1,256}+)\r?\nContent-[a-z-]{1,40}+[ \t]*+:", re.IGNORECASE)


def declared_boundary(parameter: str) -> bytes:
    """The boundary as it stands in a message, out of the parameter that names it; empty if there is none."""
    return parameter.encode("utf-8", "replace").strip()[:LONGEST_BOUNDARY]


def boundary_in_use(raw: bytes, body: int, declared: bytes, others: Container[bytes]) -> bytes:
    """The boundary by which the body at a position is divided: the declared one, unless that never comes and the body
    begins with another; `others` are those of the multiparts around it.
    """
    begins = _DELIMITER.match(raw, body)
    if begins is None or (found := begins[1].rstrip()) == declared or found.removesuffix(b"--") in others:
        return declared
    return declared if declared and raw.find(b"\n--" + declared, body) >= 0 else found
