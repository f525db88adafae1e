"""`postroom config import --legacy`."""

from pathlib import Path

from tests.cli.conftest import Shell
from tests.pages import blocks, page

EXAMPLES = blocks(page("migration"), "properties")


def test_each_file_on_the_page_becomes_a_mailbox(postroom: Shell, tmp_path: Path) -> None:
    assert len(EXAMPLES) == 2
    for number, text in enumerate(EXAMPLES):
        file = tmp_path / f"old{number}.properties"
        file.write_text(text, encoding="utf-8")
        tried = postroom.ok("config", "import", "--legacy", str(file), "--name", f"old{number}", "--dry-run")
        assert "Nothing was changed" in tried.err
        done = postroom.ok("config", "import", "--legacy", str(file), "--name", f"old{number}")
        assert f'+ mailbox "old{number}"' in done.out
        assert f"Mailbox old{number} is not tested" in done.err
        assert "s3cret" not in done.out + done.err
    assert len(postroom.ok("list", "mailbox", "--json").rows) == 2


def test_unknown_keys_are_named_and_bad_values_refused_all_at_once(postroom: Shell) -> None:
    text = b"mail.smtp.host=smtp.example.org\nmail.smtp.port=%s\nmail.smtp.auth=%s\nmail.smtp.frobnicate=1\n"
    ended = postroom("config", "import", "--legacy", "-", stdin=text % (b"70000", b"perhaps"))
    assert ended.code == 65
    assert "-: line 2: mail.smtp.port: is a port from 1 to 65535" in ended.err
    assert "-: line 3: mail.smtp.auth: is true or false" in ended.err

    done = postroom.ok("config", "import", "--legacy", "-", "--json", stdin=text % (b"25", b"false"))
    assert [row["event"] for row in done.rows] == ["difference", "difference", "note"]
    assert done.rows[-1]["key"] == "mail.smtp.frobnicate"


def test_what_cannot_be_is_refused_with_its_code(postroom: Shell, tmp_path: Path) -> None:
    assert postroom("config", "import", "--legacy", str(tmp_path / "none")).code == 66
    assert postroom("config", "import", "--name", "x", str(tmp_path / "none")).code == 64
    assert postroom("config", "import", "--legacy", "-", stdin=b"").code == 65
    assert postroom("config", "import", "--legacy", "-", stdin=b"no setting\x00\xff").code == 65
