"""A console that is open while another version is installed goes on with its own."""

import subprocess
import sys

import pytest
from sqlalchemy import text

from core import vault
from core.handles import Handles
from core.services import setting_sections
from core.vault import key_ring
from tests.console.conftest import Opener
from tests.waiting import PATIENCE
from tui.console import whole_program

_LATE = """
import ast, importlib, sys
from pathlib import Path

import tui.console.run
from tui.console.whole_program import names

for name in names():
    importlib.import_module(name)


def named(node):
    if isinstance(node, ast.Import):
        return [one.name for one in node.names]
    return [node.module, *(f"{node.module}.{one.name}" for one in node.names)]


loaded = dict(sys.modules)  # to look for a module imports what it is in
missing = set()
for name, module in loaded.items():
    if name.partition(".")[0] in ("core", "tui"):
        for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                missing |= {(name, one) for one in named(node) if one.partition(".")[0] in ("core", "tui")}


def is_module(one):
    try:
        return importlib.util.find_spec(one) is not None
    except ModuleNotFoundError:  # a name within a module
        return False


print(*sorted(f"{by}: {one}" for by, one in missing if one not in loaded and is_module(one)), sep="\\n")
"""


def test_nothing_is_left_to_import_from_the_files_of_a_later_version() -> None:
    done = subprocess.run([sys.executable, "-c", _LATE], capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert done.stdout.split("\n")[:-1] == [""], done.stdout


async def test_an_open_console_imports_it_by_itself(open_console: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_program, "SETTLING", 0.0)
    monkeypatch.setattr(whole_program, "names", lambda: ["tests.console.rows_of_nobody", "core.vault.key_ring"])
    described: list[object] = []
    monkeypatch.setattr(setting_sections, "describe", described.append)
    monkeypatch.setattr(vault, "key_ring", key_ring)  # what is imported anew would stay there
    monkeypatch.delitem(sys.modules, "core.vault.key_ring")
    async with open_console() as console:
        await console.until(lambda: "core.vault.key_ring" in sys.modules, "what comes after one that is not there")
        await console.until(lambda: described != [], "what is said of the settings to be read")


async def test_an_open_console_says_that_its_database_was_migrated(open_console: Opener, handles: Handles) -> None:
    migrated = text("UPDATE alembic_version SET version_num = '9999'")
    async with open_console() as console:
        handles.database.writing(lambda session: session.connection().execute(migrated) and None)
        console.app._count()
        await console.until_seen("old program")
        assert "migrated to 9999 while this console ran. Start it anew." in " ".join(console.text.split())
