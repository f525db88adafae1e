import binascii

import pytest

from core.mail.body import read_body
from core.mail.uuencoded import MOST_FILES
from tests.corpus.nasty import small_messages


def uuencoded(name: str, content: bytes, last: bytes = b"`\n") -> bytes:
    lines = [binascii.b2a_uu(content[at : at + 45], backtick=True) for at in range(0, len(content), 45)]
    return b"begin 644 %s\n%s%send\n" % (name.encode(), b"".join(lines), last)


def test_files_within_a_text_are_attachments() -> None:
    raw = small_messages()["text-holds-uuencoded-files"]
    body = read_body(raw)
    assert body.text == "Report of the night:\n\n\n\nand its picture:\n\n\n\nYours, cron\n"
    assert [(part.name, part.size, part.content(raw)) for part in body.parts] == [
        ("report.csv", 12, b"job;minutes\n"),
        ("Grüße.gif", 6, b"GIF89a"),
    ]


@pytest.mark.parametrize("last", [b"`\n", b" \n", b"\n", b""])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_a_file_ends_as_writers_end_it(last: bytes, line_end: bytes) -> None:
    content = bytes(range(256))
    raw = b"Subject: x\n\nhello\n" + uuencoded("a.bin", content, last)
    raw = raw.replace(b"\n", line_end)
    body = read_body(raw)
    (part,) = body.parts
    assert (body.text, part.name, part.media_type) == ("hello\n", "a.bin", "application/octet-stream")
    assert part.content(raw) == content


def test_spaces_that_a_mail_system_took_off_a_lines_end_are_zeros() -> None:
    raw = b"Subject: x\n\nbegin 644 a\n#    \n#\n \nend\n"
    assert read_body(raw).parts[0].content(raw) == b"\0" * 6


@pytest.mark.parametrize(
    "text",
    [
        "begin 644 words\nThat is how a file begins.\nend\n",
        "begin 644 x\n`\nend\n",
        "begin 644 x\n#0V%T\nwithout its end\n",
        "We begin 644 x\n#0V%T\n`\nend\n",
        "begin\n#0V%T\n`\nend\n",
    ],
)
def test_what_only_resembles_a_file_is_text(text: str) -> None:
    body = read_body(f"Subject: x\n\n{text}".encode())
    assert (body.text, body.parts) == (text, ())


@pytest.mark.parametrize(
    "fields", ["Content-Type: text/html", "Content-Transfer-Encoding: base64", "Content-Disposition: attachment"]
)
def test_only_a_text_as_it_is_shown_is_looked_through(fields: str) -> None:
    raw = f"{fields}\n\n".encode() + uuencoded("a.bin", b"Cat")
    assert "a.bin" not in [part.name for part in read_body(raw).parts]


def test_a_flood_of_files_is_bounded() -> None:
    raw = b"Subject: x\n\n" + uuencoded("a", b"Cat") * (MOST_FILES + 10)
    body = read_body(raw)
    assert len(body.parts) == MOST_FILES
    assert body.text.count("begin") == 10
