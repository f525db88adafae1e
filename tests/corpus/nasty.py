"""Messages that have hurt other programs: small ones as files beside this, those that must be built as functions.

The defect is the name. Nothing here came from a real person's mail.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_suffix("")


def nested_multiparts(levels: int) -> bytes:
    opening = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level) for level in range(levels)
    )
    closing = b"".join(b"--b%d--\r\n" % level for level in reversed(range(levels)))
    return b"Subject: nested\r\nMIME-Version: 1.0\r\n" + opening + b"\r\ninnermost\r\n" + closing


def nested_messages(levels: int) -> bytes:
    return b"Subject: nested\r\nContent-Type: message/rfc822\r\n\r\n" * levels + b"Subject: last\r\n\r\nHello\r\n"


def many_parts(count: int) -> bytes:
    part = b"--b\r\nContent-Type: text/plain; name=x.txt\r\nContent-Disposition: attachment\r\n\r\nx\r\n"
    return b"Subject: parts\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + part * count + b"--b--\r\n"


def dashed_part_headers(parts: int, lines: int) -> bytes:
    opening = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level) for level in range(39)
    )
    return opening + (b"--b38\n" + b"--a\n" * lines + b"\n") * parts


def many_headers(count: int) -> bytes:
    return b"Subject: headers\r\n" + b"".join(b"X-%d: v\r\n" % number for number in range(count)) + b"\r\nHello\r\n"


def same_header(count: int) -> bytes:
    return b"Subject: same\r\n" + b"Received: from x\r\n" * count + b"\r\nHello\r\n"


def value_in(name: bytes, value: bytes) -> bytes:
    return b"%s: %s\r\nSubject: x\r\n\r\nHello\r\n" % (name, value)


def html_of(html: bytes) -> bytes:
    return b"Subject: html\r\nContent-Type: text/html\r\n\r\n" + html


def bounce_of(opening: bytes, rest: bytes) -> bytes:
    return b"Return-Path: <>\r\nFrom: MAILER-DAEMON@x\r\nSubject: failure notice\r\n\r\n" + opening + b"\r\n" + rest


_QMAIL = b"Hi. This is the qmail-send program at x."
_SENDMAIL = b"The original message was received at x"


BUILT: dict[str, Callable[[], bytes]] = {
    "nesting-500": lambda: nested_multiparts(500),
    "nesting-10000": lambda: nested_multiparts(10_000),
    "messages-nested-500": lambda: nested_messages(500),
    "parts-20000": lambda: many_parts(20_000),
    "headers-100000": lambda: many_headers(100_000),
    "header-100000-times": lambda: same_header(100_000),
    "header-block-1-mb-without-end": lambda: b"X: y\r\n" * 170_000,
    "header-value-2-mb": lambda: value_in(b"X-Long", b"long " * 400_000),
    "header-folded-50000-times": lambda: value_in(b"X-Folded", b"a\r\n " * 50_000),
    "from-of-quotes": lambda: value_in(b"From", b'"""' * 7_000),
    "from-of-dots": lambda: value_in(b"From", b"a." * 20_000 + b"@example.org"),
    "from-of-brackets": lambda: value_in(b"From", b"<(" * 20_000),
    "from-of-escapes": lambda: value_in(b"From", b'"\\' * 20_000),
    "subject-encoded-words-10000": lambda: value_in(b"Subject", b"=?utf-8?q?x?= " * 10_000),
    "subject-encoded-words-unfinished": lambda: value_in(b"Subject", b"?=" + b"=?a?q?x" * 5_000),
    "recipients-10000": lambda: value_in(b"To", b", ".join(b"u%d@example.org" % number for number in range(10_000))),
    "references-10000": lambda: value_in(b"References", b" ".join(b"<%d@x>" % number for number in range(10_000))),
    "references-unfinished": lambda: value_in(b"References", b"<" * 16_000),
    "content-type-of-semicolons": lambda: value_in(b"Content-Type", b'text/plain; a="b' + b';="' * 5_000),
    "content-type-of-spaces": lambda: value_in(b"Content-Type", b"text/plain;" + b" " * 16_000 + b"="),
    "content-type-of-spaces-without-semicolon": lambda: value_in(
        b"Content-Type", b"text/plain" + b" " * 16_000 + b"=" * 99
    ),
    "date-of-digits": lambda: value_in(b"Date", b"1" * 10_000),
    "dashed-lines-300000": lambda: many_parts(1).replace(b"x\r\n", b"--not a boundary\r\n" * 300_000),
    "dashed-lines-in-part-headers-80000": lambda: dashed_part_headers(5, 16_000),
    "html-nested-50000": lambda: html_of(b"<div>" * 50_000 + b"deep"),
    "html-lists-in-lists": lambda: html_of(b"<ul>" * 50 + b"<li>a" * 25_000),
    "html-table-of-one-wide-cell": lambda: html_of(
        b"<table><tr><td>" + b"w" * 100_000 + b"</td></tr>" + b"<tr><td>x</td></tr>" * 5_000 + b"</table>"
    ),
    "html-number-of-5000-digits": lambda: html_of(b"<div>" * 300 + b"&#" + b"9" * 5_000 + b";"),
    "html-unclosed-comments": lambda: html_of(b"<!--" * 60_000),
    "html-unclosed-scripts": lambda: html_of(b"<script>" * 30_000),
    "quoted-printable-of-equals": lambda: b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=" * 1_000_000,
    "base64-of-noise": lambda: b"Content-Transfer-Encoding: base64\r\n\r\n" + b"!A" * 500_000,
    "flowed-of-quotes": lambda: b"Content-Type: text/plain; format=flowed\r\n\r\n" + (b">" * 500 + b" x \r\n") * 1_000,
    "carriage-returns-1000000": lambda: b"Subject: x\r\n\r\n" + b"\r" * 1_000_000,
    "carriage-returns-before-headers-end": lambda: b"Subject: x" + b"\r" * 300_000,
    "bounce-of-20000-recipients": lambda: bounce_of(
        _QMAIL, b"".join(b"<u%d@example.org>:\r\nno\r\n" % number for number in range(20_000))
    ),
    "bounce-of-blank-lines": lambda: bounce_of(_SENDMAIL, b"\r\n" * 100_000),
    "bounce-of-dashes": lambda: bounce_of(_SENDMAIL, b"-" * 100_000 + b"\r\n" + b"- " * 50_000),
    "bounce-of-users": lambda: bounce_of(_QMAIL, b"<a@x>:\r\n" + b"user " * 30_000 + b"user" * 30_000),
    "bounce-of-addresses-in-one-line": lambda: bounce_of(_SENDMAIL, b"(x@y.z)" * 30_000),
    "bounce-of-a-blank-message-id": lambda: bounce_of(_QMAIL, b"<a@x>:\r\nno\r\nMessage-ID:" + b" " * 60_000 + b"x"),
    "bounce-of-header-lines": lambda: bounce_of(b"Your message", b"To: x\r\n Subject:\r\n" * 20_000),
    "failed-recipients-30000": lambda: (
        b"X-Failed-Recipients: " + b", ".join(b"u%d@example.org" % number for number in range(30_000)) + b"\r\n" * 2
    ),
    "labels-40000": lambda: b"Subject: x\r\n\r\n" + b"Category:\r\n" * 40_000,
    "uuencoded-files-without-end": lambda: b"Subject: x\r\n\r\n" + (b"begin 644 x\r\n" + b"M\r\n" * 100) * 3_000,
    "uuencoded-files-20000": lambda: b"Subject: x\r\n\r\n" + b"begin 644 x\r\n#0V%T\r\nend\r\n" * 20_000,
    "bytes-not-utf8-1000000": lambda: b"Subject: x\r\n\r\n" + b"\xff" * 1_000_000,
}
"""The bombs, by their defect."""


@cache
def small_messages() -> dict[str, bytes]:
    """Every file of the corpus, by its defect."""
    return {path.stem: path.read_bytes() for path in sorted(FOLDER.glob("*.eml"))}
