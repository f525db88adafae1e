"""Names without @ mean users of this machine, as sendmail has it."""

from pathlib import Path

import pytest

from core import local_names
from core.local_names import LocalNames, read_aliases, read_local_names

ALIASES = """\
# comment
postmaster: root
root: anna, "Bob@Example.org",
    carl
anna: anna@example.org
daemon: |/bin/cat, /var/mail/x, :include:/tmp/list
loop: pool
pool: loop
self: self, \\self, other@example.org
"quoted name": x@example.org
no alias at all
""".splitlines()

NAMES = LocalNames("host.example", read_aliases(ALIASES))


@pytest.mark.parametrize(
    ("word", "recipients"),
    [
        ("x@example.org", ("x@example.org",)),
        ("dave", ("dave@host.example",)),
        ("root", ("anna@example.org", "Bob@Example.org", "carl@host.example")),
        ("ROOT@HOST.example", ("anna@example.org", "Bob@Example.org", "carl@host.example")),
        ("root@localhost", ("anna@example.org", "Bob@Example.org", "carl@host.example")),
        ("dave@localhost", ("dave@host.example",)),
        ("root@elsewhere.example", ("root@elsewhere.example",)),
        ("postmaster", ("anna@example.org", "Bob@Example.org", "carl@host.example")),
        ("daemon", ("daemon@host.example",)),
        ("self", ("self@host.example", "other@example.org")),
        ("no address", ("no address",)),
        ("-x", ("-x",)),
    ],
)
def test_whose_mail_it_is(word: str, recipients: tuple[str, ...]) -> None:
    assert NAMES.recipients_of(word) == recipients


def test_aliases_that_name_each_other_come_to_an_end() -> None:
    assert len(NAMES.recipients_of("loop")) == 1


@pytest.mark.parametrize(
    ("value", "full"),
    [
        (b"root (Cron Daemon)", b"root@host.example (Cron Daemon)"),
        (b"root", b"root@host.example"),
        (b"Root <root>", b"Root <root@host.example>"),
        (b"root@example.org", b"root@example.org"),
        (b"root, anna", b"root@host.example, anna@host.example"),
        (b'"a, root" <a@b.c>,\r\n root', b'"a, root" <a@b.c>,\r\n root@host.example'),
        (b"Anna Root", b"Anna Root"),
        (b"", b""),
    ],
)
def test_a_field_of_one_bare_name_gets_its_domain(value: bytes, full: bytes) -> None:
    assert NAMES.qualified(value) == full


def test_the_files_of_the_machine_are_read_and_may_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_names, "ALIASES", tmp_path / "aliases")
    monkeypatch.setattr(local_names, "MAILNAME", tmp_path / "mailname")
    assert read_local_names().aliases == {}
    assert read_local_names().domain
    (tmp_path / "aliases").write_bytes(b"root: \xff, a@example.org\n")
    (tmp_path / "mailname").write_text("mail.example\n")
    assert read_local_names().recipients_of("root")[-1] == "a@example.org"
    assert read_local_names().address_of("x") == "x@mail.example"
