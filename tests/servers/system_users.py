"""System users of a test's own, and an interpreter that they may run: they see what file permissions let them see.

Made by root; whoever else runs the tests needs sudo without a password, as `.ci/install-servers` does.
"""

import grp
import os
import pwd
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
_PACKAGES = ("core", "tui", "postroom")
_NOT_NEEDED = ("test", "tests", "idlelib", "lib2to3", "site-packages", "config-*", "ensurepip", "turtledemo")
_PASSING = "*.pyc.*"
"""What another process compiles at this moment; it has its name for as long as it is being written."""
_NOT_OURS = ("pip", "setuptools", "mypy*", "*__mypyc*", "ruff*", "hypothesis", "lxml", "grimp", "_pytest")


def as_root(*command: str) -> list[str]:
    """A command that needs root."""
    return [*command] if os.geteuid() == 0 else ["sudo", "-n", *command]


class SystemUsers:
    """A group, users in and out of it, and a folder that all of them reach."""

    def __init__(self, *members: str, strangers: tuple[str, ...] = ()) -> None:
        self._prefix = f"pr{os.getpid() % 100_000}"
        self.group = f"{self._prefix}g"
        self.names = {name: f"{self._prefix}{name}" for name in (*members, *strangers)}
        self._members = members
        self.folder = Path(tempfile.mkdtemp(prefix="postroom-users-", dir="/tmp"))

    def __enter__(self) -> Self:
        self.folder.chmod(0o755)
        _patiently("groupadd", "--system", self.group)
        for name, user in self.names.items():
            groups = ("--groups", self.group) if name in self._members else ()
            _patiently("useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent", *groups, user)
        self._python, self.variables = _public_python(self.folder)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for user in self.names.values():
            _patiently("userdel", user)
        _patiently("groupdel", self.group)
        subprocess.run(as_root("rm", "-rf", str(self.folder)), check=True)

    def command(self, name: str, *words: str, **variables: str) -> list[str]:
        """A program as one of the users, with nothing of our environment."""
        settings = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "COLUMNS": "100", **self.variables, **variables}
        named = [f"{key}={value}" for key, value in settings.items()]
        return as_root("runuser", "-u", self.names[name], "--", "env", "-i", "-C", "/", *named, *words)

    def python(self, name: str, *words: str, **variables: str) -> list[str]:
        """The interpreter as one of the users."""
        return self.command(name, self._python, *words, **variables)

    def run(self, command: list[str], stdin: str = "") -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=PATIENCE, check=False)

    def owner_and_mode(self, path: Path) -> tuple[str, str, int]:
        """Whose something is: user, group, mode. Looked at as root."""
        found = subprocess.run(as_root("stat", "-c", "%u %g %a", str(path)), capture_output=True, text=True, check=True)
        user, group, mode = found.stdout.split()
        short = {full: name for name, full in self.names.items()}
        owner = pwd.getpwuid(int(user)).pw_name
        return short.get(owner, owner), grp.getgrgid(int(group)).gr_name, int(mode, 8)


def _patiently(*command: str) -> None:
    # Of several that change the lists of users at once, those who come late are told to try again.
    for _ in range(100):
        done = subprocess.run(as_root(*command), capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        assert "lock" in done.stderr, f"{command}: {done.stderr}"
        time.sleep(0.1)
    raise AssertionError(f"{command}: {done.stderr}")


def _public_python(folder: Path) -> tuple[str, dict[str, str]]:
    """An interpreter and our packages where everybody may read them: as they are, or copied."""
    variables: dict[str, Any] = {"PYTHONDONTWRITEBYTECODE": "1"}
    program, library = Path(sys.executable).resolve(), Path(sysconfig.get_path("stdlib"))
    if not (_is_public(program) and _is_public(library)):
        home = folder / "python"
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        ignored = shutil.ignore_patterns(*_NOT_NEEDED, _PASSING)
        shutil.copytree(library, home / "lib" / version, ignore=ignored, symlinks=True)
        for shared in Path(sys.base_prefix, "lib").glob("libpython*.so*"):
            shutil.copy(shared, home / "lib", follow_symlinks=False)
        program = Path(shutil.copy(program, home / version))
        variables |= {"PYTHONHOME": str(home), "LD_LIBRARY_PATH": str(home / "lib")}
    site = Path(sysconfig.get_path("purelib"))
    if not _is_public(site):
        site = Path(shutil.copytree(site, folder / "site", ignore=shutil.ignore_patterns(*_NOT_OURS, _PASSING)))
    ours = ROOT
    if not all(_is_public(ROOT / name) for name in _PACKAGES):
        ours = folder / "packages"
        for name in _PACKAGES:
            shutil.copytree(ROOT / name, ours / name, ignore=shutil.ignore_patterns(_PASSING))
    return str(program), {**variables, "PYTHONPATH": f"{ours}:{site}"}


def _is_public(path: Path) -> bool:
    """Whether everybody may read something, through all folders above it."""
    if not path.stat().st_mode & stat.S_IROTH:
        return False
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.parents)
