import pytest

from core.mail.html_text import LONGEST_LAYOUT, html_to_text, strip_tags


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>one</p><p>two<br>three</p>", "one\n\ntwo\nthree"),
        ("<b>w</b>ord &amp; &uuml; &#x1b;[2J", "word & ü \ufffd[2J"),
        ("<head><title>t</title><style>p{}</style></head><script>evil()</script><p>seen</p>", "seen"),
        ("<p>seen</p><div style='DISPLAY : none'>hidden</div>", "seen"),
        ("<a href='https://example.net/x'>https://bank.example</a>", "[https://bank.example](https://example.net/x)"),
        ("<table><tr><td>Amount</td><td>3</td></tr><tr><td>Price</td><td>5</td></tr></table>", "Amount 3\nPrice 5"),
        ("<div>" * 400 + "deep", "deep"),
        ("no tags at all", "no tags at all"),
        ("<?xml version='1.0' encoding='latin-1'?><p>declared</p>", "declared"),
        ("<!-- nothing else -->", ""),
        ("", ""),
        ("\0", "\ufffd"),
    ],
)
def test_html_says_its_text(html: str, text: str) -> None:
    assert html_to_text(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>one</p>two<br>three", "\none\ntwo\nthree"),
        ("a<script>if (a<b) evil()</script>b<style>x", "ab"),
        ("1 < 2 &lt; 3 <", "1 < 2 < 3 <"),
        ("<!-- <p>hidden</p> -->x<!-- open", "x"),
        ("<unclosed", ""),
        ("&#" + "9" * 5000 + ";x&#65;", "\ufffdxA"),
    ],
)
def test_tags_are_stripped_where_no_page_can_be_laid_out(html: str, text: str) -> None:
    assert strip_tags(html) == text


def test_a_failing_layout_still_leaves_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(html: str) -> str:
        raise RecursionError

    monkeypatch.setattr("core.mail.html_text._rendered", fail)
    assert html_to_text("<p>seen</p>") == "seen"


def test_a_page_too_long_to_be_laid_out_is_read_to_its_end() -> None:
    assert html_to_text("<ul><li>first</ul>" + "<i> </i>" * LONGEST_LAYOUT + "<p>last</p>") == "first\nlast"
