import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.mail.file_names import LONGEST_NAME, safe_file_name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("Grüße aus Zürich.pdf", "Grüße aus Zürich.pdf"),
        ("../../etc/cron.d/x", "x"),
        ("C:\\temp\\CON.txt", "_CON.txt"),
        ("nul", "_nul"),
        ("LPT1 .log", "_LPT1 .log"),
        ("console.log", "console.log"),
        ("", "attachment"),
        (".", "attachment"),
        ("..", "attachment"),
        ("a/..", "attachment"),
        ("...", "attachment"),
        ("/", "attachment"),
        (".bashrc", "_bashrc"),
        ("-rf", "_rf"),
        ("a\r\nb\0.txt", "a b_.txt"),
        ("\u202egpj.exe", "_gpj.exe"),
        ("a\x1b]52;x\x07.txt", "a_]52_x_.txt"),
        ("x.pdf. . ", "x.pdf"),
        ("$(reboot)`x`.sh", "_(reboot)_x_.sh"),
        ("n" * 5000 + ".pdf", "n" * 5000),
        ("ü" * 150 + ".pdf", "ü" * 98 + ".pdf"),
        ("n" * 300 + ".pdf", "n" * 196 + ".pdf"),
    ],
)
def test_a_file_name_does_no_harm(name: str, safe: str) -> None:
    assert safe_file_name(name) == safe[:LONGEST_NAME]


@given(st.text(st.characters(categories=None)) | st.text("./\\:-~ \x00\u202ecoNnUl1", max_size=12))
def test_any_name_becomes_one_plain_file(name: str) -> None:
    safe = safe_file_name(name)
    assert 0 < len(safe.encode()) <= LONGEST_NAME
    assert not re.search(r"[/\\:\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", safe)
    assert not safe.startswith((".", "-", "~", " "))
    assert not safe.endswith((".", " "))
    assert not re.match(r"(con|nul|aux|prn|(com|lpt)\d)(\.|$)", safe, re.IGNORECASE)
    assert safe_file_name(safe) == safe
