"""What is installed is whole: every module, and what else the program reads or others look for."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[1]
PACKAGES = ("core", "tui", "postroom")
QUIET = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore", "PIP_CONFIG_FILE": os.devnull}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that pip makes of the sources; nothing is fetched, nothing is written beside them."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-index", "--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", target, source],
        check=True, timeout=PATIENCE, env={**os.environ, **QUIET},
    )  # fmt: skip
    [made] = target.iterdir()
    return made


def sources() -> Iterator[str]:
    for name in PACKAGES:
        for file in (ROOT / name).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                yield file.relative_to(ROOT).as_posix()


def test_every_file_of_the_packages_is_installed(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        assert set(sources()) - set(archive.namelist()) == set()


def test_what_is_installed_starts_from_there(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    with ZipFile(wheel) as archive:
        archive.extractall(site)
    variables = {**os.environ, "PYTHONPATH": str(site), "POSTROOM_HOME": str(tmp_path / "home")}
    program = (
        "import sys, tui.cli.__main__ as cli; print(cli.__file__); sys.exit(cli.main(['list', 'template', '--json']))"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=PATIENCE
    )

    assert ended.returncode == 0, ended.stderr
    where, *templates = ended.stdout.splitlines()
    assert Path(where).is_relative_to(site)
    assert len(templates) == 5
