"""The scripts of docs/scripts.md, run as they stand there."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default
from pathlib import Path
from typing import Any

import pytest

from core.outbound.scripts.run import ScriptContext, customise
from tests.pages import blocks, page

SCRIPTS = {text.split("\n")[0].removeprefix("# "): text for text in blocks(page("scripts"), "python")}
MESSAGE_ID = "<1@example.org>"


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    for name, text in SCRIPTS.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def letter(**headers: str) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    for name, value in {"From": "anna@example.org", "Message-ID": MESSAGE_ID, **headers}.items():
        message[name.replace("_", "-")] = value
    message.set_content("Grüße\n")
    return message


def changed(scripts: Path, name: str, message: EmailMessage, *recipients: str, lane: str = "normal") -> Any:
    context = ScriptContext("main", lane, recipients, 1, MESSAGE_ID, datetime(2026, 1, 2, tzinfo=UTC))
    raw = customise(scripts, name, message.as_bytes(), context, host="mail01")
    return message_from_bytes(raw, policy=default)


def test_the_page_has_two_worked_examples() -> None:
    assert list(SCRIPTS) == ["footer.py", "newsletter.py"]


def test_the_footer_stands_in_text_and_html_of_what_leaves_the_house(scripts: Path) -> None:
    message = letter()
    message.add_alternative("<html><body><p>Grüße</p></body></html>", subtype="html")
    message.add_attachment(b"\x00\x01", maintype="application", subtype="octet-stream", filename="x.bin")

    out = changed(scripts, "footer.py", message, "bob@example.net", "eve@example.org")

    assert out.get_body(("plain",)).get_content().splitlines()[:3] == ["Grüße", "", "-- "]
    assert "Harbour Road 1" in out.get_body(("plain",)).get_content()
    assert "<hr><p>Example Ltd" in out.get_body(("html",)).get_content()
    assert [part.get_content() for part in out.iter_attachments()] == [b"\x00\x01"]
    assert "Harbour" not in str(changed(scripts, "footer.py", letter(), "eve@example.org"))


def test_the_newsletter_can_be_left_and_tells_less(scripts: Path) -> None:
    message = letter(X_Mailer="Secret 1.0", Subject="News")

    out = changed(scripts, "newsletter.py", message, "bob+x@example.net", lane="bulk")

    assert out["List-Unsubscribe"] == "<https://example.org/leave?who=bob%2Bx%40example.net>"
    assert (out["Auto-Submitted"], out["X-Mailer"], out["Subject"]) == ("auto-generated", None, "News")
    assert changed(scripts, "newsletter.py", message, "bob@example.net")["List-Unsubscribe"] is None
