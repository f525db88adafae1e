"""Values with parameters: Content-Type and Content-Disposition (RFC 2045 5.1, RFC 2183, RFC 2231)."""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from core.mail.charsets import decode
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
_SECTION = re.compile(r"(?P<name>[^*]+)(?:\*(?P<number>\d{1,3}))?(?P<is_encoded>\*)?")


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
    lowered = "".join(clean(_COMMENT.sub("", keyword)).lower().split())
    return Parameterized(lowered, _parameters(rest) if rest else {})


def _parameters(text: str) -> dict[str, str]:
    plain: dict[str, str] = {}
    sections: dict[str, list[tuple[int, bool, str]]] = {}
    for count, found in enumerate(_PARAMETER.finditer(text)):
        if count >= _MOST_PARAMETERS:
            break
        written = found["plain"] or "" if found["quoted"] is None else _ESCAPED.sub(r"\1", found["quoted"])
        name = _SECTION.fullmatch(found["name"].lower())
        if name is None:
            continue
        if name["number"] is None and not name["is_encoded"]:
            plain.setdefault(name["name"], clean(decode_words(written.strip())))
        else:
            section = (int(name["number"] or 0), bool(name["is_encoded"]), written.strip())
            sections.setdefault(name["name"], []).append(section)
    # The form of RFC 2231 is the later one, and the better of two that stand side by side.
    return plain | {name: _joined(parts) for name, parts in sections.items()}


def _joined(sections: list[tuple[int, bool, str]]) -> str:
    """Put the sections of one parameter together: charset'language'text in the first, %-encoded where marked."""
    charset = ""
    joined: list[bytes] = []
    for number, is_encoded, written in sorted(sections, key=lambda section: section[0]):
        text = written
        if is_encoded and number == 0 and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)
        joined.append(unquote_to_bytes(text) if is_encoded else text.encode("utf-8", "replace"))
    return clean(decode_words(decode(b"".join(joined), charset)))
