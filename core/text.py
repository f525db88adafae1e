"""Text from outside, made fit to be stored (`clean`), shown (`safe_text`) or put in a column (`bounded`).

Of our own text: `counted`.
"""

import re

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
"""Stands where a character was that must not be stored or shown."""

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
"""Ends a text that was cut."""

# C0 without TAB, LF and CR; DEL; C1; lone surrogates. PostgreSQL refuses NUL, both engines refuse surrogates.
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_LINE_BREAKS = re.compile("\r\n?")
_FOLDS = re.compile("[\t\n\r]+")

# What moves, hides or reorders text on a terminal without taking a column of its own, or is a letter that nobody sees
# (the fillers of Hangul and Khmer). C1 holds one-character forms of CSI and OSC; the tag characters and the
# supplementary selectors carry text that nobody sees.
_INVISIBLE = (
    "\x80-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
_PRESENTATION = "\ufe0e\ufe0f"
_JOINERS = "\u200c\u200d"
_END_OF_LATIN = "\u024f"
_UNSHOWABLE = re.compile(f"[\x00-\x1f\x7f{_INVISIBLE}{_PRESENTATION}]")
_UNSHOWABLE_IN_LINES = re.compile(f"\r\n|[\x00-\x09\x0b-\x1f\x7f{_INVISIBLE}{_PRESENTATION}]")

_CONTROL_PICTURES = 0x2400
_PICTURE_OF_DELETE = "\N{SYMBOL FOR DELETE}"
_TAB_IN_LINES = "    "


def clean(text: str, *, multiline: bool = False) -> str:
    """Make foreign text fit to be stored: no control characters, NUL or lone surrogates.

    A line break or tab becomes a space, as in a header field; with `multiline` tabs stay and every break is a LF.
    """
    if text.isprintable():
        return text
    text = _LINE_BREAKS.sub("\n", text) if multiline else _FOLDS.sub(" ", text)
    return _UNSTORABLE.sub(REPLACEMENT, text)


def safe_text(text: str, *, multiline: bool = False) -> str:
    """Make foreign text fit to be shown: what would command a terminal or deceive a reader becomes a visible sign.

    The result holds no control character but LF, and that with `multiline` alone. Markup is still to be escaped.
    """
    if text.isascii() and text.isprintable():
        return text
    if multiline:
        return _UNSHOWABLE_IN_LINES.sub(_visible_in_lines, text)
    return _UNSHOWABLE.sub(_visible, text)


def counted(count: float, one: str, several: str = "", *, thousands: str = ",") -> str:
    """So many of them: `1 message`, `2,000 messages`; `several` where it is not `one` with an s behind it."""
    number = f"{count:,}".replace(",", thousands) if isinstance(count, int) else f"{count:g}"
    return f"{number} {one if count == 1 else several or one + 's'}"


def ended(text: str) -> str:
    """What somebody else said, with the full stop that lets another sentence follow; nothing stays nothing."""
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


def bounded(text: str, length: int) -> str:
    """Cut text to at most `length` characters; a cut shows as an ellipsis."""
    if len(text) <= length:
        return text
    return text[: length - 1] + ELLIPSIS if length > 0 else ""


def _visible(found: re.Match[str]) -> str:
    character = found.group()
    if character < " ":
        return chr(_CONTROL_PICTURES + ord(character))
    if character == "\x7f":
        return _PICTURE_OF_DELETE
    # A selector asks for the coloured or the plain form of a sign, a joiner for one sign made of two:
    # terminals disagree about the width of both.
    return "" if character in _PRESENTATION or (character in _JOINERS and _joins(found)) else REPLACEMENT


def _joins(found: re.Match[str]) -> bool:
    """Whether a joiner stands where writing needs one; beside Latin letters it only hides (RFC 5892, A.1 and A.2)."""
    before, after = found.string[max(0, found.start() - 1) : found.start()], found.string[found.end() : found.end() + 1]
    return before > _END_OF_LATIN and after > _END_OF_LATIN


def _visible_in_lines(found: re.Match[str]) -> str:
    match found.group():
        case "\r\n":
            return "\n"
        case "\t":
            return _TAB_IN_LINES
        case _:
            return _visible(found)
