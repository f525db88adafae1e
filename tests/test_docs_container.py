"""The container file takes all of the program, and what it runs is there."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

from core.environment import read_environment
from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[1]
CONTAINERFILE = (ROOT / "docs" / "examples" / "container" / "Containerfile").read_text()


def test_what_goes_into_the_container_is_all_of_the_program(tmp_path: Path) -> None:
    """As its first stage does it, but with the libraries that are here."""
    source, wheels = tmp_path / "src", tmp_path / "wheels"
    for names, place in re.findall(r"^COPY (?!--)(.+) (/src\S*)$", CONTAINERFILE, re.MULTILINE):
        for name in names.split():
            whole, copy = ROOT / name, tmp_path / place.lstrip("/")
            if whole.is_dir():
                shutil.copytree(whole, copy, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                copy.mkdir(exist_ok=True)
                shutil.copy(whole, copy)
    packed = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(wheels),
    ]
    done = subprocess.run([*packed, str(source)], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done

    (wheel,) = wheels.glob("*.whl")
    held = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    listed = subprocess.run(
        ["git", "ls-files", "core", "tui", "postroom"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set(listed.stdout.split()) <= held


def test_the_container_runs_a_command_that_is_there_where_its_volumes_are() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (command,) = re.findall(r'^ENTRYPOINT \["(\w+)"\]$', CONTAINERFILE, re.MULTILINE)
    assert command in project["scripts"]
    given = dict(re.findall(r"\b(POSTROOM_\w+)=(\S+)", CONTAINERFILE))
    where = read_environment(given)
    (volumes,) = re.findall(r"^VOLUME (.+)$", CONTAINERFILE, re.MULTILINE)
    assert json.loads(volumes) == [str(where.home), str(where.drop)]
