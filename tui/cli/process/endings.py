"""How a command ends: its exit code (sysexits.h), and one sentence to the person who called it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from core.errors import Misuse, PostroomError
from core.shortage import shortage_of
from core.text import safe_text
from tui.cli.process.standard_streams import discard_output, is_output_refused

INTERNAL_FAULT = 70
"""EX_SOFTWARE."""
IO_ERROR = 74
"""EX_IOERR."""
INTERRUPTED = 130
"""128 + SIGINT."""
BROKEN_PIPE = 141
"""128 + SIGPIPE: whoever read our output has stopped reading."""


def ended(action: Callable[[], int], words: Sequence[str]) -> int:
    """Run an action to its end; whatever happens becomes an exit code and at most one message."""
    try:
        exit_code = action()
        sys.stdout.flush()
    except PostroomError as error:
        complain(str(error))
        _show_cause(error, words)
        return error.exit_code
    except KeyboardInterrupt:
        complain("Interrupted.")
        return INTERRUPTED
    except BrokenPipeError:
        discard_output()
        return BROKEN_PIPE
    except OSError as error:
        said = f"{_what_failed(error)}{error.strerror or error}{f': {error.filename}' if error.filename else ''}."
        complain(str(shortage_of(error) or said))
        _show_cause(error, words)
        return IO_ERROR
    except Exception as error:  # noqa: BLE001 - the outermost place: a fault of ours must still end in a sentence
        if (shortage := shortage_of(error)) is not None:
            complain(str(shortage))
            _show_cause(error, words)
            return shortage.exit_code
        kept = keep_fault(error, None, is_shown="--debug" in words)
        complain(f"Something went wrong inside Postroom ({type(error).__name__}). {kept}")
        return INTERNAL_FAULT
    return exit_code


def complain(text: str) -> None:
    """Say to a person what is wrong: on stderr, safe for a terminal."""
    with contextlib.suppress(OSError, ValueError):
        for line in safe_text(text, multiline=True).splitlines():
            sys.stderr.write(f"postroom: {line}\n")
        sys.stderr.flush()


def _what_failed(error: OSError) -> str:
    if error.filename or not is_output_refused():
        return ""
    discard_output()
    return "Standard output cannot be written: "


def unknown_command(word: str, known: Iterable[str]) -> Misuse:
    """The error for a word that is no command; the nearest one is named."""
    import difflib  # late: what ends well needs none

    near = difflib.get_close_matches(word, list(known), n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    return Misuse(f"There is no command {word!r}. {hint}`postroom --help` lists them.")


def _show_cause(error: BaseException, words: Sequence[str]) -> None:
    if "--debug" in words:
        sys.stderr.write(safe_text(_traceback(error), multiline=True))


def _traceback(error: BaseException) -> str:
    import traceback  # late: what ends well needs none

    return "".join(traceback.format_exception(error))


def keep_fault(fault: BaseException, home: Path | None, *, is_shown: bool) -> str:
    """Write its traceback where it can be found again; gives back the sentence that says where.

    The data folder is `home`, or the one that the environment names; `is_shown`: the traceback goes to stderr too.
    """
    text = _traceback(fault)
    if is_shown:
        sys.stderr.write(safe_text(text, multiline=True))
    try:
        from core.environment import read_environment

        place = (home or read_environment().home) / "faults.log"
        _append(place, text)
    except (PostroomError, OSError):
        return "Run it again with --debug to see where."
    return f"The details are in {place}; please report them."


def _append(place: Path, text: str) -> None:
    from core.data_folder import opened_file

    # Never makes the home: a fault before first use must not leave a half-made one behind.
    descriptor = opened_file(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    with os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace") as log:
        log.write(f"{text}\n")
