"""What is imported by whom, seen in fresh processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[1]
FRAMEWORKS = ("typer", "click", "rich", "sqlmodel", "sqlalchemy", "alembic", "pydantic", "textual", "msal", "keyring")


def imported_after(code: str, home: Path, stdin: bytes = b"") -> set[str]:
    """The top-level packages that are there once this code has run."""
    script = f"{code}\nimport sys\nsys.stderr.write(' '.join({{name.partition('.')[0] for name in sys.modules}}))"
    variables = {**os.environ, "POSTROOM_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=variables, input=stdin, capture_output=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done
    return set(done.stderr.decode().splitlines()[-1].split())


@pytest.mark.parametrize(
    ("words", "stdin"),
    [
        (["--help"], b""),
        (["--version"], b""),
        (["send", "--help"], b""),
        (["__complete", "show", "template", "M"], b""),
        (["send", "-oi", "-f", "a@example.org", "b@example.org"], b"Subject: x\n\nhello\n"),
        (["send", "-t", "-F", "J\u00f6rg"], b"To: b@example.org\n\nhello\n"),
    ],
)
def test_what_scripts_call_in_loops_imports_no_framework(words: list[str], stdin: bytes, tmp_path: Path) -> None:
    code = f"from tui.cli.__main__ import main\nassert main({words!r}) == 0"
    imported = imported_after(code, tmp_path / "home", stdin)
    assert not imported.intersection(FRAMEWORKS)


def test_send_imports_no_module_that_it_can_do_without(tmp_path: Path) -> None:
    """Cron and PHP start it for each message: these took a third of its time."""
    code = "from tui.cli.__main__ import main\nassert main(['send', '-oi', 'b@example.org']) == 0"
    imported = imported_after(code, tmp_path / "home", b"Subject: x\n\nhello\n")
    spared = {
        "shutil",
        "uuid",
        "secrets",
        "hmac",
        "random",
        "tomllib",
        "email",
        "asyncio",
        "ssl",
        "logging",
        "platformdirs",
    }
    assert not imported & spared


def test_a_worker_imports_no_textual(tmp_path: Path) -> None:
    code = "from tui.cli.__main__ import main\nassert main(['--worker', '--once']) == 0"
    assert "textual" not in imported_after(code, tmp_path / "home")


@pytest.mark.parametrize("words", [["list", "account"], ["fetch"], ["deliver"], ["doctor"], ["config", "export"]])
def test_a_command_imports_no_textual(words: list[str], tmp_path: Path) -> None:
    code = f"from tui.cli.__main__ import main\nassert main({words!r}) in (0, 1)"
    assert "textual" not in imported_after(code, tmp_path / "home")


def test_the_core_knows_no_face(tmp_path: Path) -> None:
    code = (
        "import importlib, pkgutil, core\n"
        "for module in pkgutil.walk_packages(core.__path__, 'core.'):\n"
        "    if not module.name.startswith('core.db.migrations'):\n"
        "        importlib.import_module(module.name)"
    )
    assert not imported_after(code, tmp_path / "home").intersection({"textual", "rich", "typer", "tui"})
