"""Where `postroom` starts: finds the command, runs it, and gives back a truthful exit code.

`send`, `--help`, `--version` and what a shell asks at TAB are answered before any framework is imported: scripts call
them in loops, people wait for them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tui.cli.process.endings import ended
from tui.cli.process.standard_streams import open_standard_streams

VERSION_WORDS = {"--version", "-V"}
HELP_WORDS = {"--help", "-h", "help"}


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command line and give back its exit code."""
    open_standard_streams()
    words = list(sys.argv[1:] if argv is None else argv)
    program = sys.argv[0].rpartition("/")[2] if argv is None else "postroom"
    return ended(lambda: _carried_out(program, words), words)


def _carried_out(program: str, words: list[str]) -> int:
    if program == "sendmail" or words[:1] == ["send"]:
        from tui.cli.sendmail.send import send

        return send(words if program == "sendmail" else words[1:])
    if words[:1] == ["__complete"]:
        from tui.cli.completion.candidates import complete

        return complete(words[1:])
    if words and words[0] in VERSION_WORDS:
        from tui.cli.version import version

        sys.stdout.write(f"postroom {version()}\n")
        return 0
    if words and words[0] in HELP_WORDS and not words[1:]:
        from tui.cli.told.usage import USAGE

        sys.stdout.write(USAGE)
        return 0
    from tui.cli.commands import carry_out

    return carry_out(words)


if __name__ == "__main__":
    sys.exit(main())
