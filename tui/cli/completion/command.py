"""`postroom completion`."""

from __future__ import annotations

import sys
from typing import Annotated

from typer import Argument

from core.errors import Misuse
from tui.cli.completion.shell_scripts import SCRIPTS


def completion(shell: Annotated[str, Argument(metavar="bash|zsh|fish")]) -> None:
    """Write the script that lets a shell complete commands, options, kinds, fields and names at TAB.

    For all users: postroom completion bash > /etc/bash_completion.d/postroom. For one, in ~/.bashrc: eval "$(postroom
    completion bash)". Zsh takes it as a file _postroom in a folder of its fpath, fish as
    ~/.config/fish/completions/postroom.fish.
    """
    if shell not in SCRIPTS:
        raise Misuse(f"completion is for {', '.join(SCRIPTS)}, not for {shell!r}.")
    sys.stdout.write(SCRIPTS[shell])
