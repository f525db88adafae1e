"""Running a mailbox's MIME script on one message: in a process of its own, with a time limit, its answer checked."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from core import clock
from core.errors import ScriptFailed, UnsafeMessage
from core.mail.canonical import canonical_crlf
from core.mail.header_block import HeaderBlock
from core.outbound.scripts.file import Script, read_script
from core.text import bounded, clean

SECONDS = 10.0
"""How long a script may take for one message, start and end of its process included."""

LONGEST_ADDITION = 32 << 20
"""Bytes by which a message may grow."""

_PROGRAM = Path(__file__).with_name("child.py")
_LONGEST_LINE = 1 << 20
_SHOWN = 500


@dataclass(frozen=True, slots=True)
class ScriptContext:
    """What a script is told beside the message; see `child.Context`."""

    mailbox: str
    lane: str
    recipients: tuple[str, ...]
    attempt: int
    message_id: str
    now: datetime


def customise(
    folder: Path, name: str, raw: bytes, context: ScriptContext, *, host: str, seconds: float = SECONDS
) -> bytes:
    """The message as the script leaves it, in canonical CRLF; byte for byte the same where it changed nothing.

    Raises:
        ScriptFailed: it cannot be run, or did not do its part; names host, path and reason.
    """
    try:
        script = read_script(folder, name)
    except ScriptFailed as error:
        raise ScriptFailed(f"Script {name} on {host}: {error}") from error
    try:
        return _checked(_run(script, raw, context, seconds), raw, context.message_id)
    except (ScriptFailed, UnsafeMessage) as error:
        raise ScriptFailed(f"Script {name} on {host} ({script.path}): {error}") from error


def _run(script: Script, raw: bytes, context: ScriptContext, seconds: float) -> bytes:
    """Start the process, let it answer, and see to its end."""
    order = {
        "script": script.path.name,
        "source_size": len(script.source),
        "context": {**asdict(context), "now": context.now.isoformat()},
    }
    deadline = clock.monotonic() + seconds
    with tempfile.TemporaryFile() as given, tempfile.TemporaryDirectory(prefix="script-") as folder:
        # A file, not a pipe: a script that reads nothing blocks nobody.
        given.write(json.dumps(order).encode() + b"\n" + script.source + raw)
        given.seek(0)
        with _started(given, folder) as process:
            answer = _answer(process, deadline, len(raw) + LONGEST_ADDITION)
    if answer is None:
        raise ScriptFailed(f"it took longer than {seconds:g} s and was ended.")
    if not answer:
        raise ScriptFailed(_how_it_ended(process.returncode))
    return answer


@contextmanager
def _started(given: IO[bytes], folder: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-I", "-B", str(_PROGRAM)],
        stdin=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        # Whatever it may have started ends with it, also after a good answer.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _answer(process: subprocess.Popen[bytes], deadline: float, most: int) -> bytes | None:
    """What it writes until it ends; `None` when its time is over."""
    assert process.stdout is not None
    pipe = process.stdout.fileno()
    poll = select.poll()
    poll.register(pipe, select.POLLIN | select.POLLHUP)
    parts: list[bytes] = []
    size = 0
    while True:
        left = deadline - clock.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            return None
        part = os.read(pipe, 1 << 20)
        size += len(part)
        if not part:
            break
        if size > most + _LONGEST_LINE:
            raise ScriptFailed(f"its message is larger than {most} bytes.")
        parts.append(part)
    try:
        # It closed the pipe as its last act, or long before.
        process.wait(max(deadline - clock.monotonic(), 0))
    except subprocess.TimeoutExpired:
        return None
    return b"".join(parts)


def _how_it_ended(code: int) -> str:
    if code == -signal.SIGXCPU:
        return "it used up its time on the processor and was ended."
    if code < 0:
        return f"its process was ended by signal {-code}."
    return f"its process ended with {code} and without an answer."


def _checked(answer: bytes, raw: bytes, message_id: str) -> bytes:
    """The message out of an answer, read again by our own reader and compared with what was meant."""
    line, _, body = answer.partition(b"\n")
    told = _read(line)
    if "problem" in told:
        raise ScriptFailed(bounded(clean(str(told["problem"])), _SHOWN))
    if told.get("size") != len(body):
        raise ScriptFailed("its answer is incomplete.")
    if not told.get("is_changed"):
        return raw
    written = canonical_crlf(body)
    if told.get("keeps_body"):
        written += raw.partition(b"\r\n\r\n")[2]
    block = HeaderBlock.cut(written)
    if block.names() != Counter(str(name).encode("utf-8", "replace") for name in _list(told.get("names"))):
        raise ScriptFailed("the header that it wrote is not what was meant.")
    if [value.strip() for value in block.every(b"message-id")] != [message_id.encode("ascii", "replace")]:
        known_by = "it changed the Message-ID, by which bounces and doubles are known"
        raise ScriptFailed(f"{known_by}; a new message takes context.message_id.")
    return written


def _list(told: Any) -> list[Any]:
    return told if isinstance(told, list) else []


def _read(line: bytes) -> dict[str, Any]:
    # A script can write what it likes in the place of its process's answer.
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise ScriptFailed("its answer makes no sense.")
    return told
