"""The charset that an HTML page names itself (HTML Standard, "prescan a byte stream to determine its encoding")."""

import re

from core.mail.charsets import codec_of

_LOOKED_AT = 4096
_NAMED = re.compile(rb"""<meta\s[^>]{0,200}?\bcharset\s{0,9}=\s{0,9}["']?([\w.:-]{1,40})""", re.IGNORECASE)


def charset_of_html(page: bytes, declared: str) -> str:
    """The charset by which to read a page: the declared one, unless it is UTF-8 or none and the page is no UTF-8.

    A gateway that made UTF-8 of it has left the page as it was; who forgets the field has often set the page's own.
    """
    if codec_of(declared) not in (None, "utf_8", "utf_8_sig") or _is_utf8(page):
        return declared
    named = _NAMED.search(page, 0, _LOOKED_AT)
    return named[1].decode("ascii", "ignore") if named is not None else declared


def _is_utf8(page: bytes) -> bool:
    try:
        page.decode()
    except UnicodeDecodeError as error:
        # A page may have been cut within its last character.
        return error.start >= len(page) - 3 and error.reason == "unexpected end of data"
    return True
