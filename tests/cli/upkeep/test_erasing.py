"""`postroom erase`: what it says, asks and ends with."""

from pathlib import Path

from tests.accounts import message
from tests.cli.conftest import Shell

KEYS = {
    "event", "messages", "written", "bytes", "quarantined", "records", "record_fields", "outgoing", "suppressions",
    "remarks", "waiting", "left",
}  # fmt: skip


def test_it_says_what_it_would_remove_removes_it_and_names_what_it_cannot_reach(
    postroom: Shell, tmp_path: Path
) -> None:
    postroom.ok("add", "account", "by-hand", "type=IMAPS", "host=h", "username=u", "validity=invalid", "--password-stdin",
                stdin=b"secret\n")  # fmt: skip
    letter = tmp_path / "letter.eml"
    letter.write_bytes(message(1, "From: Jane <jane@example.net>", "Subject: My knee"))
    postroom.ok("intake", str(letter), "--account", "by-hand")
    postroom.ok("send", "jane@example.net", stdin=b"Subject: x\n\nx\n")
    postroom.ok("list", "outbox")

    unasked = postroom("erase", "jane@example.net")
    assert (unasked.code, unasked.out) == (64, "")
    assert "--dry-run" in unasked.err
    (row,) = postroom.ok("erase", "jane@example.net", "--dry-run", "--json").rows
    assert set(row) == KEYS
    assert (row["event"], row["messages"], row["records"], row["waiting"]) == ("would erase", 1, 1, 1)
    would = postroom.ok("erase", "Jane@example.net", "--dry-run")
    assert "1  message that came in" in would.out
    assert "left  outbox 1: still to be sent" in would.out
    assert "Nothing was erased yet. Not reached by it:" in would.err

    done = postroom.ok("erase", "jane@example.net", "--yes")
    assert "1  record loses its title" in done.out
    assert "backups" in done.err
    (record,) = postroom.ok("list", "record", "--json").rows
    assert (record["title"], record["customer"]) == ("(erased)", "")
    (line,) = postroom.ok("list", "audit", "verb:erase", "--json").rows
    assert "jane" not in str(line)
    postroom.ok("outbox", "cancel", "--all")
    assert postroom.ok("erase", "jane@example.net", "--yes", "--json").rows[0]["outgoing"] == 1
    assert "Nothing is kept" in postroom.ok("erase", "jane@example.net", "--yes").err


def test_a_text_that_is_no_address_is_refused(postroom: Shell) -> None:
    ended = postroom("erase", "jane", "--yes")

    assert (ended.code, ended.out, ended.err.count("\n")) == (65, "", 1)
