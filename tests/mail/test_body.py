import pytest

from core.mail.body import read_body
from core.mail.parts import DEEPEST, MOST_PARTS, read_parts
from tests.corpus.nasty import BUILT, dashed_part_headers, many_parts, nested_multiparts, small_messages


@pytest.mark.parametrize(
    ("defect", "text"),
    [
        ("subject-raw-utf8", "Hello\n"),
        ("no-headers", "Just a body.\n"),
        ("no-body", ""),
        ("no-blank-line-before-body", "This is the body, not a field\nTo: not a field either\n"),
        ("carriage-returns-alone", "Hello\nworld\n"),
        ("line-ends-mixed", "body\n.\nmore\n.\n"),
        ("multipart-without-boundary", "--x\n\nHello\n--x--\n"),
        ("multipart-boundary-never-comes", "Hello without parts\n"),
        ("multipart-boundary-is-another", "Hello!"),
        ("multipart-boundary-behind-no-semicolon", "Hello"),
        ("multipart-boundary-lost-in-a-gateway", "Hello \n"),
        ("multipart-never-closed", "Hello"),
        ("multipart-inner-never-closed", "plain"),
        ("multipart-same-boundary-inside", "Hello"),
        ("multipart-part-without-blank-line", "Hello"),
        ("multipart-base64-encoded", "Hello"),
        ("html-alone", "Hello [https://bank.example](https://example.net/x)"),
        ("html-broken", "Hello\n\nworld\n\n* one\n* two"),
        ("charset-unknown", "Grüße\n"),
        ("charset-lies", "Grüße\n"),
        ("base64-damaged", "Hello Grüße"),
        ("base64-with-text-after-padding", "Hello"),
        ("base64-claimed-for-plain-text", "The disk of the server is full.\nNobody has encoded this.\n"),
        ("quoted-printable-damaged", "Grüße =ZZ and more "),
        ("transfer-encoding-unknown", "Hello\n"),
        ("format-flowed", "oneparagraph\n> quotedtoo\n-- \nsignature\n"),
        ("content-type-nonsense", "Hello\n"),
        ("content-type-slash-alone", "Hello\n"),
        ("uuencoded", "Hello"),
        ("bounce-hard", "Sorry."),
        ("empty", ""),
    ],
)
def test_the_text_is_read_in_spite_of_the_defect(defect: str, text: str) -> None:
    assert read_body(small_messages()[defect]).text == text


def test_a_declared_boundary_counts_wherever_it_comes() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--a\r\nContent-Type: text/plain\r\n\r\npreamble\r\n--b\r\n\r\nHello\r\n--b--\r\n"
    assert read_body(raw).text == "Hello"


def test_an_empty_multipart_takes_no_boundary_of_what_is_around_it() -> None:
    raw = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/alternative\r\n\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n--b--\r\n"
    )
    assert [part.depth for part in read_parts(raw)] == [1, 1]
    assert read_body(raw).text == "Hello"


@pytest.mark.parametrize(
    ("defect", "name", "file_name"),
    [
        ("attachment-name-path", "../../etc/cron.d/x", "x"),
        ("attachment-name-windows-device", "C:\\temp\\CON.txt", "_CON.txt"),
        ("attachment-name-dots", "..", "attachment"),
        ("attachment-name-line-break", "a b\ufffd.txt", "a b_.txt"),
        ("attachment-name-right-to-left", "\u202egpj.exe", "_gpj.exe"),
        ("attachment-name-in-sections", "Jähresport.pdf%", "Jähresport.pdf%"),
        ("attachment-name-encoded-word", "Grüße.pdf", "Grüße.pdf"),
        ("attachment-name-quote-never-ends", "report.pdf", "report.pdf"),
        ("attachment-message-inside", "message.eml", "message.eml"),
        ("attachment-tnef", "winmail.dat", "winmail.dat"),
        ("multipart-never-closed", "cut.txt", "cut.txt"),
    ],
)
def test_an_attachment_is_named_for_showing_and_for_saving(defect: str, name: str, file_name: str) -> None:
    (part,) = read_body(small_messages()[defect]).parts
    assert (part.name, part.file_name) == (name, file_name)


def test_a_returned_message_is_an_attachment_named_by_its_subject() -> None:
    raw = small_messages()["bounce-hard"]
    report, returned = read_body(raw).parts
    assert report.media_type == "message/delivery-status"
    assert returned.name == "ours.eml"
    assert returned.content(raw) == b"Message-ID: <sent@example.com>\r\nSubject: ours\r\n\r\nbody"


def test_a_subject_makes_a_name_of_one_piece() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: order 12/34\r\n\r\n--b--\r\n"
    (part,) = read_body(raw).parts
    assert part.file_name == "order 12_34.eml"


def test_attachments_are_decoded_and_measured() -> None:
    raw = (
        b"Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<img src=cid:1>\r\n"
        b"--b\r\nContent-Type: image/png; name=p.png\r\nContent-ID: <1>\r\nContent-Transfer-Encoding: BASE64\r\n\r\n"
        b"AAEC\r\nAwQ=\r\n--b--\r\n"
    )
    body = read_body(raw)
    (picture,) = body.parts
    assert picture.content(raw) == b"\0\1\2\3\4"
    assert (picture.size, picture.content_id, picture.is_inline, picture.media_type) == (5, "1", True, "image/png")
    assert body.html == "<img src=cid:1>"


def test_what_the_html_shows_in_its_place_is_no_attachment() -> None:
    raw = b"Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n%s\r\n" % (
        b"<img src='CID:logo%40x'> <a href=cid:12>"
    )
    for content_id in (b"logo@x", b"1", b"12", b""):
        raw += b"--b\r\nContent-Type: image/png; name=p\r\nContent-ID: <%s>\r\n\r\n?\r\n" % content_id
    body = read_body(raw + b"--b--\r\n")
    assert [part.content_id for part in body.attachments] == ["1", ""]
    assert len(body.parts) == 4


def test_of_alternatives_the_plain_text_is_read_unless_it_is_blank() -> None:
    alternatives = (
        b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\n%s\r\n"
        b"--b\r\nContent-Type: multipart/related; boundary=r\r\n\r\n--r\r\nContent-Type: text/html\r\n\r\n<p>rich</p>\r\n--r--\r\n--b--\r\n"
    )
    assert read_body(alternatives % b"plain").text == "plain"
    assert read_body(alternatives % b" ").text == "rich"


def test_texts_side_by_side_are_all_read() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>two</p>\r\n--b--\r\n"
    assert read_body(raw).text == "one\ntwo"


def test_where_only_files_are_the_first_that_is_text_is_read_and_stays_a_file() -> None:
    part = b"--b\r\nContent-Type: %s; name=%s\r\nContent-Disposition: attachment\r\n\r\n%s\r\n"
    files = [
        (b"image/png", b"p.png", b"?"),
        (b"text/html", b"a.html", b"<p>disk full</p>"),
        (b"text/plain", b"b", b"?"),
    ]
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"".join(part % file for file in files) + b"--b--\r\n"
    body = read_body(raw)
    assert body.text == "disk full"
    assert [part.name for part in body.parts] == ["p.png", "a.html", "b"]


def test_of_a_message_that_is_nothing_but_another_one_that_ones_text_is_read() -> None:
    inner = b"Subject: printer\r\nContent-Type: text/html\r\n\r\n<p>no paper</p>\r\n"
    body = read_body(b"Subject: Fwd: printer\r\nContent-Type: message/rfc822\r\n\r\n" + inner)
    assert (body.text, body.html, [part.name for part in body.parts]) == ("no paper", "", ["printer.eml"])
    attached = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n%s\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n%s--b--\r\n"
    assert read_body(attached % (b" ", inner)).text == "no paper"
    assert read_body(attached % (b"See below.", inner)).text == "See below."
    twice = read_body(b"Content-Type: message/rfc822\r\n\r\nContent-Type: message/rfc822\r\n\r\n" + inner)
    assert (twice.text, len(twice.parts)) == ("", 1)


def test_text_beyond_the_limit_is_cut_and_says_so() -> None:
    raw = b"Subject: x\r\n\r\n" + b"a" * 100
    assert read_body(raw, 100).text == "a" * 100
    assert not read_body(raw, 100).is_cut
    assert read_body(raw, 99).text == "a" * 98 + "…"
    assert read_body(raw, 99).is_cut


def test_nesting_is_opened_to_its_depth_alone() -> None:
    assert read_body(nested_multiparts(DEEPEST)).text == "innermost"
    too_deep = read_body(nested_multiparts(DEEPEST + 1))
    assert too_deep.text == ""
    assert [part.media_type for part in too_deep.parts] == ["multipart/mixed"]
    assert too_deep.is_cut


def test_parts_are_counted_to_their_most_alone() -> None:
    assert len(read_parts(many_parts(MOST_PARTS - 1))) == MOST_PARTS - 1
    flood = read_body(BUILT["parts-20000"]())
    assert len(flood.parts) == MOST_PARTS
    assert flood.is_cut


def test_lines_that_might_be_delimiters_are_looked_at_no_more_often_in_headers_of_parts_than_elsewhere() -> None:
    assert len(read_parts(dashed_part_headers(3, 16_000))) == 4
    assert len(read_parts(dashed_part_headers(20, 16_000))) < 10


def test_an_outer_delimiter_ends_inner_parts() -> None:
    body = read_body(small_messages()["multipart-inner-never-closed"])
    assert body.html == "<b>html</b>"
    assert [part.name for part in body.parts] == ["a.pdf"]


def test_a_line_that_only_begins_like_a_delimiter_is_text() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n--bb\r\n--b is text\r\n-- \r\nsig\r\n--b-- \r\nepilogue"
    assert read_body(raw).text == "--bb\n--b is text\n-- \nsig"


@pytest.mark.parametrize(
    ("fields", "text", "attached"),
    [
        ("Content-Type: text/plain", "hello\nmore", []),
        ("Content-Type: text/plain\nContent-Disposition: inline", "hello\nmore", []),
        # A text that is called something is a file, wherever the sender wants it shown.
        ("Content-Type: text/plain; name=notes.txt", "hello", [("notes.txt", False)]),
        ("Content-Type: text/plain\nContent-Disposition: inline; filename=n.txt", "hello", [("n.txt", True)]),
        ("Content-Type: text/plain\nContent-Disposition: attachment", "hello", [("attachment.txt", False)]),
        ("Content-Type: image/png", "hello", [("attachment.png", False)]),
        ("Content-Type: image/png\nContent-ID: <1@x>", "hello", [("attachment.png", True)]),
        ("Content-Type: image/png\nContent-ID: <1@x>\nContent-Disposition: attachment", "hello", [("attachment.png", False)]),
        ("Content-Type: image/png\nContent-Disposition: inline", "hello", [("attachment.png", True)]),
    ],
)  # fmt: skip
def test_what_is_shown_and_what_is_attached(fields: str, text: str, attached: list[tuple[str, bool]]) -> None:
    raw = f"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhello\n--b\n{fields}\n\nmore\n--b--\n"
    body = read_body(raw.replace("\n", "\r\n").encode())
    assert body.text == text
    assert [(part.name, part.is_inline) for part in body.parts] == attached


@pytest.mark.parametrize(
    ("fields", "text", "attached"),
    [
        ("Content-Type: text/plain; name=mail.txt", "Grüße", []),
        ("Content-Type: text/plain; name=mail.txt\nContent-Disposition: attachment", "Grüße", ["mail.txt"]),
        ("Content-Type: text/plain; charset=\"'iso-8859-1' (Latin)\"", "GrÃ¼ÃŸe", []),
        ("Content-Type: text/plain; Format=Flowed", "Grüße", []),
        ("Content-Type: text/enriched", "Grüße", ["attachment.txt"]),
        ("Content-Type: application/json", "", ["attachment.json"]),
        ("Content-Type: text/calendar; method=REQUEST", "Grüße", ["attachment.ics"]),
        ("Content-Type: application/octet-stream", "", ["attachment"]),
        ("Content-Type: message/news", "", ["message.eml"]),
    ],
)
def test_a_message_that_is_one_text(fields: str, text: str, attached: list[str]) -> None:
    body = read_body(f"{fields}\r\n\r\nGrüße".encode())
    assert (body.text, [part.name for part in body.parts]) == (text, attached)


def test_flowed_lines_are_joined_whatever_the_case_of_the_word() -> None:
    flowed = b"Content-Type: text/plain; format=Flowed; delsp=Yes\r\n\r\nend \r\nless\r\n"
    assert read_body(flowed).text.rstrip() == "endless"
    html = flowed.replace(b"text/plain", b"text/html").replace(b"end ", b"<pre>end ")
    assert read_body(html).text.split() == ["end", "less"]


def test_behind_the_limit_no_further_text_is_read() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b\r\n\r\nmore\r\n--b--\r\n"
    whole, cut = read_body(raw, limit=20), read_body(raw, limit=4)
    assert (whole.text, whole.is_cut) == ("hello\nmore", False)
    assert cut.is_cut
    assert "more" not in cut.text
