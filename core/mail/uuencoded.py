"""Files within a text (POSIX uuencode), as mail had them before MIME; `uuencode … | mail` on Unix still sends them."""

import re
from collections.abc import Iterator
from itertools import islice

from core.mail.charsets import decode
from core.mail.headers import Headers
from core.mail.parameters import Parameterized
from core.mail.parts import MimePart
from core.text import clean

MOST_FILES = 100
"""Files that are looked for in one text."""

# Each line begins with its length, up to 45 bytes; mail systems take spaces off its end. Whoever leaves out the empty
# line before `end` is understood.
_FILE = re.compile(
    rb"^begin [0-7]{3,4} ([^\r\n]{0,255}+)\r?\n(?:[!-M][ -`]{0,84}+\r?\n)++(?:[ `]{0,2}+\r?\n)?+end[ \t]*+(?:\r?\n|\Z)",
    re.MULTILINE,
)
_AS_IT_IS = frozenset({"", "7bit", "8bit", "binary"})
_HEADERS = Headers([("Content-Transfer-Encoding", "x-uuencode")])


def split_off_files(raw: bytes, text: MimePart) -> Iterator[MimePart]:
    """A text and the files in it as parts of their own, in their order; a text without any is itself."""
    if text.content_type.value != "text/plain" or raw.find(b"begin ", text.start, text.end) < 0:
        yield text
        return
    position = text.start
    if text.encoding in _AS_IT_IS:
        for file in islice(_FILE.finditer(raw, text.start, text.end), MOST_FILES):
            yield _piece(text, position, file.start())
            named = Parameterized("application/octet-stream", {"name": clean(decode(file[1])).strip()})
            yield MimePart(_HEADERS, named, file.start(), file.end(), text.depth + 1, text.alternative)
            position = file.end()
    yield _piece(text, position, text.end)


def _piece(text: MimePart, start: int, end: int) -> MimePart:
    return MimePart(text.headers, text.content_type, start, end, text.depth, text.alternative)
