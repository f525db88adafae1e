"""A D-Bus session with a real gnome-keyring in it, unlocked without a screen; what runs in it keeps its keys there."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.waiting import PATIENCE

_UNLOCKED = 'printf %s "$KEYRING_PASSWORD" | gnome-keyring-daemon --unlock --components=secrets >/dev/null; exec "$@"'


class KeyringSession:
    """One person's keyring, kept in a folder between sessions."""

    def __init__(self, folder: Path) -> None:
        assert shutil.which("gnome-keyring-daemon"), "gnome-keyring is not installed: .ci/install-servers"
        self.folder = folder
        folder.mkdir(mode=0o700)

    def run(self, *command: str, unlocked: bool = True, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run a command in a session of its own; the keyring's file is what lasts from one to the next."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("POSTROOM_", "DBUS_"))}
        places = dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"), str(self.folder))
        inside = ("bash", "-c", _UNLOCKED, "keyring") if unlocked else ()
        return subprocess.run(
            ["dbus-run-session", "--", *inside, *command],
            env={**kept, **places, "KEYRING_PASSWORD": "of the tests", **variables},
            capture_output=True, text=True, timeout=PATIENCE, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
