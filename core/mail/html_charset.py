"""The charset that an HTML page names itself (HTML Standard, "prescan a byte stream to determine its encoding")."""

import re

from core.mail.charsets import codec_of, extends_ascii

_LOOKED_AT = 4096
_NAMED = re.compile(rb"""<meta\s[^>]{0,200}?\bcharset\s{0,9}=\s{0,9}["']?([\w.:-]{1,40})""", re.IGNORECASE)


def charset_of_html(page: bytes, declared: str) -> str:
    """The charset by which to read a page: the declared one, unless it is UTF-8 or none and the page is no UTF-8.

    A gateway that made UTF-8 of it has left the page as it was; who forgets the field has often set the page's own.
    """
    # Escape sequences of ISO-2022 and what stands between them are UTF-8 as well, and no text.
    is_escaped = b"\x1b" in page
    if codec_of(declared) not in (None, "utf_8", "utf_8_sig") or (not is_escaped and _is_utf8(page)):
        return declared
    charset = _named(page)
    # Its name could be read in ASCII: of UTF-16 the page is none, whatever it says (HTML Standard, the same section).
    is_possible = (codec_of(charset) or "").startswith("iso2022") if is_escaped else extends_ascii(charset)
    return charset if is_possible else declared


def _named(page: bytes) -> str:
    found = _NAMED.search(page, 0, _LOOKED_AT)
    return found[1].decode("ascii", "ignore") if found is not None else ""


def _is_utf8(page: bytes) -> bool:
    try:
        page.decode()
    except UnicodeDecodeError as error:
        # A page may have been cut within its last character.
        return error.start >= len(page) - 3 and error.reason == "unexpected end of data"
    return True
