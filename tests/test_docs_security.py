"""Every command that docs/security.md shows was run, as it stands there."""

import os
import shlex
from pathlib import Path
from string import Template

import pytest

from core.resources.catalogue import kind_named
from core.services import access
from core.services.actor import Actor, Role
from core.vault.key_ring import ALLOWED
from tests.cli import forked
from tests.pages import at_home_in, blocks, page, run
from tests.servers.postgres import Postgres, find_program

PAGE = page("security")


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    """A home with a secret in it, folders for backups, and our command and the server's tools to be found."""
    for folder in ("backups", "keys"):
        (tmp_path / folder).mkdir()
    home = at_home_in(tmp_path)
    home["PATH"] = f"{find_program('psql').parent}:{home['PATH']}"
    return {**home, "BACKUPS": str(tmp_path / "backups"), "KEYS": str(tmp_path / "keys")}


def run_lines(block: str, variables: dict[str, str]) -> str:
    """The same line by line; what is `postroom` alone is run without starting an interpreter each time."""
    said = ""
    for line in block.splitlines():
        if not line.startswith("postroom ") or "|" in line:
            said += run(line, variables)
            continue
        words = [Template(word).substitute(variables) for word in shlex.split(line)[1:]]
        code, out, err = forked.run(words, variables, b"", 60)
        assert code == 0 or words == ["doctor"], f"{line}: {err.decode()}"
        said += out.decode() + err.decode()
    return said


def test_the_commands_for_sqlite_work_in_their_order(variables: dict[str, str], postgres: Postgres) -> None:
    first, *others = blocks(PAGE, "sh")
    said = run_lines(first, variables)
    run("echo kanarienvogel | postroom add account a type=IMAPS host=h username=u --password-stdin", variables)
    run("printf 'Subject: x\\n\\nx\\n' | postroom send -f a@example.org b@example.net", variables)
    run_lines("postroom list outbox", variables)
    for block in others:
        said += run_lines(block, variables)
    (copy,) = blocks(PAGE, "sh copy")
    said += run_lines(copy, {**variables, "NEW_DATABASE": postgres.create_database()})

    for told in ("secrets", "The old key is kept", "enter them again: account a: password", "may have been sent since",
                 "is the database now", "Copied", "Postmaster"):  # fmt: skip
        assert told in said, told


def test_the_commands_for_postgresql_work(variables: dict[str, str], postgres: Postgres) -> None:
    variables["POSTROOM_DATABASE_URL"] = postgres.create_database()
    run("postroom init", variables)

    for block in blocks(PAGE, "sh pg"):
        run(block.replace("otto", f"otto_{os.getpid()}"), variables)

    run("postroom list queue", variables)


def test_what_the_page_says_of_roles_is_so() -> None:
    operator, viewer = (Actor("x", "here", role) for role in (Role.OPERATOR, Role.VIEWER))
    for verb in ("fetch", "pause", "stop", "test"):
        assert access.may(operator, verb, "account")
        assert not access.may(viewer, verb, "account")
    assert not access.may(operator, access.SEE, kind_named("template").name)


def test_the_keyrings_on_the_page_are_those_that_are_allowed() -> None:
    families = {name.split(".")[2] for name in ALLOWED}

    assert families == {"SecretService", "kwallet", "macOS", "Windows"}
    for named in ("Secret Service", "KWallet", "macOS", "Windows"):
        assert named in PAGE
