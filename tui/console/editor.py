"""The editor of whoever sits here, on one text, while the console makes way for it."""

from __future__ import annotations

import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from textual.app import App, SuspendNotSupported

from core.errors import CannotWrite, Misuse

_INSTALLED = ("sensible-editor", "editor", "nano", "vi")
"""What is tried when nobody says which."""


@dataclass(frozen=True)
class Edited:
    """What an editor left behind."""

    data: bytes
    path: Path
    """Where it lies until it is kept elsewhere."""

    def forget(self) -> None:
        """It is kept elsewhere."""
        shutil.rmtree(self.path.parent, ignore_errors=True)


def chosen_editor(variables: Mapping[str, str], find: Callable[[str], str | None] = shutil.which) -> list[str]:
    """The words of the editor's command: VISUAL, else EDITOR, else one that is installed.

    Raises:
        Misuse: there is none.
    """
    for name in ("VISUAL", "EDITOR"):
        if words := _words(variables.get(name, "")):
            return words
    for name in _INSTALLED:
        if find(name):
            return [name]
    raise Misuse("No editor is set: set EDITOR before the console is started.")


def edited(app: App[object], command: Sequence[str], name: str, data: bytes) -> Edited | None:
    """Let the editor have the terminal and a file with `data`; `None` if it left that as it was.

    Raises:
        Misuse: this terminal cannot be handed over.
        CannotWrite: the file could not be written, or the editor not started, or it says that it failed.
    """
    try:
        path = Path(tempfile.mkdtemp(prefix="postroom-")) / name  # a folder that nobody else may look into
        path.write_bytes(data)
    except OSError as error:
        raise CannotWrite(f"The message cannot be written for the editor: {error.strerror}.") from error
    now = Edited(data, path)
    try:
        _run(app, [*command, str(path)])
        now = Edited(path.read_bytes(), path)
    except OSError as error:
        now.forget()
        raise CannotWrite(f"{command[0]} cannot be started: {error.strerror}. Set EDITOR to another.") from error
    except (Misuse, CannotWrite):
        now.forget()
        raise
    if now.data != data:
        return now
    now.forget()
    return None


def _run(app: App[object], words: Sequence[str]) -> None:
    failure: OSError | None = None
    code = 0
    try:
        with app.suspend():
            # Ctrl+C is the editor's; a handler of ours, unlike an ignored signal, is not inherited by it.
            before = signal.signal(signal.SIGINT, lambda *_: None)
            try:
                code = subprocess.run(words, check=False).returncode
            except OSError as error:
                failure = error  # raised in here it would leave the console suspended
            finally:
                signal.signal(signal.SIGINT, before)
    except SuspendNotSupported as error:
        raise Misuse("This terminal cannot be handed over to an editor.") from error
    if failure is not None:
        raise failure
    if code:
        raise CannotWrite(f"{Path(words[0]).name} ended with code {code}; nothing was changed.")


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return [command]
