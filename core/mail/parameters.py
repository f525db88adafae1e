"""Values with parameters: Content-Type and Content-Disposition (RFC 2045 5.1, RFC 2183, RFC 2231)."""

import re
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from core.mail.charsets import codec_of, decode
from core.mail.encoded_words import decode_words
from core.text import clean

_MOST_PARAMETERS = 200
# Some writers forget the semicolon before a parameter: before the first, or behind quotes, white space is one, too.
_NEXT = r"""(?<!\s)\s++(?=[^\s=;"]++\s*+=)"""
_FORGOTTEN_SEMICOLON = re.compile(_NEXT)
_PARAMETER = re.compile(
    r"""(?P<name>[^\s=;"]++)\s*+(?:=\s*+(?:"(?P<quoted>(?:[^"\\]++|\\.)*+)"?|(?P<plain>[^;]*+)))?"""
    rf"(?:{_NEXT}|[^;]*+)",
    re.DOTALL,
)
_COMMENT = re.compile(r"\([^()]*+\)")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
# A path of Windows: programs there wrote it between quotes as it stands, and half of the backslashes would be lost.
_WINDOWS_PATH = re.compile(r"(?:[A-Za-z]:\\|\\\\)[^\\]")
_SECTION = re.compile(r"(?P<name>[^*]+)(?:\*(?P<number>\d{1,3}))?(?P<is_encoded>\*)?")


_WHOLE, _FIRST = -1, 0
"""Numbers of sections: of a parameter that has only one, and of the first of several."""


class _Section(NamedTuple):
    is_encoded: bool
    text: str


@dataclass(frozen=True, slots=True)
class Parameterized:
    """A keyword and its parameters."""

    value: str
    """The keyword before the first semicolon, in lower case: a media type or a disposition."""

    parameters: dict[str, str] = field(default_factory=dict[str, str])
    """Decoded and cleaned, by name in lower case."""

    def get(self, name: str) -> str:
        """The parameter of that name, or an empty text."""
        return self.parameters.get(name, "")


def read_parameterized(value: str | None) -> Parameterized:
    """Read a keyword with parameters as it stands in a raw field."""
    keyword, _, rest = (value or "").partition(";")
    if "=" in keyword and (forgotten := _FORGOTTEN_SEMICOLON.search(keyword)):
        keyword, rest = keyword[: forgotten.start()], (value or "")[forgotten.end() :]
    if "(" in keyword:
        keyword = _COMMENT.sub("", keyword)
    lowered = "".join(clean(keyword).lower().split())
    return Parameterized(lowered, _parameters(rest) if rest else {})


def _parameters(text: str) -> dict[str, str]:
    plain: dict[str, str] = {}
    sections: dict[str, dict[int, _Section]] = {}
    for count, found in enumerate(_PARAMETER.finditer(text)):
        if count >= _MOST_PARAMETERS:
            break
        written = found["plain"] or "" if found["quoted"] is None else _unquoted(found["quoted"])
        name = _SECTION.fullmatch(found["name"].lower())
        if name is None:
            continue
        if name["number"] is None and not name["is_encoded"]:
            plain.setdefault(name["name"], clean(decode_words(written.strip())))
        else:
            section = _Section(bool(name["is_encoded"]), written.strip())
            # Of two that have one number the first counts, as of two plain ones.
            sections.setdefault(name["name"], {}).setdefault(int(name["number"] or _WHOLE), section)
    # The form of RFC 2231 is the later one, and the better of two side by side, unless its beginning is gone.
    return plain | {
        name: _joined(parts) for name, parts in sections.items() if not plain.get(name) or min(parts) <= _FIRST
    }


def _unquoted(quoted: str) -> str:
    return quoted if "\\" not in quoted or _WINDOWS_PATH.match(quoted) else _ESCAPED.sub(r"\1", quoted)


def _joined(sections: dict[int, _Section]) -> str:
    """Put the sections of one parameter together: charset'language'text in the first, %-encoded where marked.

    One that stands for the whole (`name*=`) counts alone.
    """
    charset = ""
    joined: list[bytes] = []
    for number in [_WHOLE] if _WHOLE in sections else sorted(sections):
        is_encoded, text = sections[number]
        if is_encoded and number <= _FIRST:
            charset, text = _charset_and_text(text)
        joined.append(unquote_to_bytes(text) if is_encoded else text.encode("utf-8", "replace"))
    return clean(decode_words(decode(b"".join(joined), charset)))


def _charset_and_text(written: str) -> tuple[str, str]:
    """Of `charset'language'text`; some leave the language out, and its quote with it."""
    charset, quote, rest = written.partition("'")
    if not quote or ("'" not in rest and codec_of(charset) is None):
        return "", written
    return charset, rest.partition("'")[2] if "'" in rest else rest
