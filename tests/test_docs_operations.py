"""Every command that docs/operations.md shows for any home was run, as it stands there, and its units hold together."""

from pathlib import Path

import pytest

from tests.accounts import message
from tests.pages import at_home_in, blocks, page, run

ROOT = Path(__file__).parents[1]
PAGE = page("operations")
UNITS = ROOT / "docs" / "examples" / "systemd"


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    """A home with mail of a person who asks to be erased."""
    letter = tmp_path / "letter.eml"
    letter.write_bytes(message(1, "From: Jane <jane@example.net>"))
    (tmp_path / "backups").mkdir()
    places = {"BACKUPS": str(tmp_path / "backups"), "ELSEWHERE": str(tmp_path / "elsewhere")}
    made = {**at_home_in(tmp_path), **places}
    words = "type=IMAPS host=imap.example.org username=u validity=invalid --password-stdin"
    run(f"echo secret | postroom add account a {words}; postroom intake {letter} --account a", made)
    return made


def test_the_commands_work_in_their_order(variables: dict[str, str]) -> None:
    said = "".join(run(block, variables) for block in blocks(PAGE, "sh"))

    for told in (
        "No worker is alive",
        "Set: metrics.enabled",
        "is the database now",
        "1  message that came in",
        "Erased",
    ):
        assert told in said, told


def settings_of(unit: str) -> list[str]:
    lines = (UNITS / unit).read_text().splitlines()
    return [line for line in lines if line and not line.startswith(("#", "["))]


def test_one_half_of_the_work_runs_under_the_same_rules_as_all_of_it() -> None:
    whole, half = settings_of("postroom-worker.service"), settings_of("postroom-worker@.service")

    assert [(one, other) for one, other in zip(whole, half, strict=True) if one != other] == [
        ("Description=Postroom worker", "Description=Postroom worker (%i)"),
        ("ExecStart=/opt/postroom/bin/postroom --worker", "ExecStart=/opt/postroom/bin/postroom --worker --only %i"),
    ]


def test_the_unit_grants_what_the_worker_needs() -> None:
    unit = settings_of("postroom-worker.service")

    assert "Type=notify" in unit
    assert "KillMode=mixed" in unit  # scripts and hand-offs are not ended before the worker is
    # Without these three a script would not be shut in by the kernel, and nobody would be told.
    (allowed,) = [line for line in unit if line.startswith("SystemCallFilter=")]
    assert {"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"} <= set(allowed.split())
    assert not [line for line in unit if line.startswith("PrivateUsers")]  # who handed a message in is the file's owner
