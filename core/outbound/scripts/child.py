"""The process that runs a MIME script: one message in, one answer out, then it ends.

A program, never imported by ours: `run.customise` starts it with an interpreter of its own. Its input is a line of
JSON (`script`, `source_size`, `context`), the script's source, the message. Its answer is a line of JSON on what was
its standard output: `problem`, or `is_changed`, `keeps_body` (then only the header follows), `names` of the header
fields that were meant, and the `size` of what follows.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import SMTP
from hashlib import sha256
from typing import Any

# What came with the message keeps its folding: only what the script sets is written anew.
_POLICY = SMTP.clone(refold_source="none")
_LONGEST_PROBLEM = 500
_ORPHANED = 60
"""Seconds after which it ends by itself: whoever would have ended it was killed."""


@dataclass(frozen=True)
class Context:
    """What a script is told beside the message."""

    mailbox: str
    """The name of the mailbox that sends."""
    lane: str
    """urgent, normal or bulk."""
    recipients: tuple[str, ...]
    """Who gets it in this try; changing the header does not change them."""
    attempt: int
    """1 at the first try."""
    message_id: str
    """With its angle brackets; it must stay as it is."""
    now: datetime
    """In UTC."""


@dataclass(frozen=True)
class _Digests:
    header: bytes
    body: bytes


class NotUsable(Exception):
    """The script did not do what it is there for."""


def main() -> None:
    """Read, give up all rights, run the script, answer."""
    signal.alarm(_ORPHANED)
    answer_to = os.dup(1)
    order, raw = _read_order()
    # What a script prints must not get into its answer.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    _confine()
    body = b""
    try:
        answer, body = _customised(order, raw)
    except BaseException as error:  # noqa: BLE001 - whatever a script raises is its answer
        answer = {"problem": _told(error, order["script"])[:_LONGEST_PROBLEM]}
    _write(answer_to, json.dumps({**answer, "size": len(body)}).encode() + b"\n")
    _write(answer_to, body)
    # No handler that the script may have left behind runs.
    os._exit(0)


def _read_order() -> tuple[dict[str, Any], bytes]:
    with open(0, "rb", closefd=False) as given:
        order = json.loads(given.readline())
        order["source"] = given.read(order["source_size"])
        return order, given.read()


def _write(descriptor: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


def _confine() -> None:
    package = os.path.abspath(__file__).rpartition("/core/")[0]  # noqa: PTH100 - no pathlib needed here
    sys.path.insert(0, package)
    from core.outbound.scripts.confinement import confine

    sys.path.remove(package)
    confine()


def _customised(order: dict[str, Any], raw: bytes) -> tuple[dict[str, Any], bytes]:
    given = order["context"]
    context = Context(
        **{**given, "recipients": tuple(given["recipients"]), "now": datetime.fromisoformat(given["now"])}
    )
    message = message_from_bytes(raw, policy=_POLICY)
    del raw
    before = _digests(message.as_bytes(policy=_POLICY))
    result = _function_of(order["source"], order["script"])(message, context)
    if result is None:
        result = message
    if not isinstance(result, Message):
        raise NotUsable(f"customize returned {type(result).__name__}, which is no EmailMessage and not None.")
    after = result.as_bytes(policy=_POLICY)
    digests = _digests(after)
    if digests == before:
        return {"is_changed": False}, b""
    keeps_body = digests.body == before.body
    names = _compared(result, after, keeps_body=keeps_body)
    # A body that the script left alone leaves byte for byte as it came: it may be signed.
    return {"is_changed": True, "keeps_body": keeps_body, "names": names}, _head_of(after) if keeps_body else after


def _digests(written: bytes) -> _Digests:
    head = _head_of(written)
    return _Digests(sha256(head).digest(), sha256(memoryview(written)[len(head) :]).digest())


def _head_of(written: bytes) -> bytes:
    """The header with the empty line after it."""
    end = written.find(b"\r\n\r\n")
    return written[: end + 4] if end >= 0 else written


def _function_of(source: bytes, name: str) -> Callable[[EmailMessage, Context], Any]:
    module: dict[str, Any] = {"__name__": "postroom_script", "__file__": name}
    exec(compile(source, name, "exec"), module)  # noqa: S102 - what this process is for
    function = module.get("customize")
    if not callable(function):
        raise NotUsable("it has no function customize(message, context).")
    return function  # type: ignore[no-any-return]


def _compared(meant: Message, after: bytes, *, keeps_body: bool) -> list[str]:
    """The names of the header fields, once the written message was read again and is what was meant.

    A field that was copied from another message may hold a line break, and leave as two fields.
    """
    found = message_from_bytes(_head_of(after) if keeps_body else after, policy=_POLICY)
    wanted, written = list(meant.raw_items()), list(found.raw_items())
    names = [name.lower() for name, _ in wanted]
    if names != [name.lower() for name, _ in written]:
        raise NotUsable("a header field would leave as more than one, or not at all.")
    for (name, value), (_, text) in zip(wanted, written, strict=True):
        again = _POLICY.header_fetch_parse(name, text) if hasattr(value, "fold") else text
        if str(value).split() != str(again).split():
            raise NotUsable(f"{name} would not leave as it was set.")
    if not keeps_body and _contents(meant) != _contents(found):
        raise NotUsable("its body would not leave as it was set.")
    return names


def _contents(message: Message) -> list[tuple[str, bytes]]:
    return [
        (part.get_content_type(), b"\n".join((part.get_payload(decode=True) or b"").splitlines()))  # type: ignore[union-attr]
        for part in message.walk()
        if not part.is_multipart()
    ]


def _told(error: BaseException, script: str) -> str:
    if isinstance(error, NotUsable):
        return str(error)
    if isinstance(error, SystemExit):
        return f"it called exit({error.code!r})."
    if isinstance(error, MemoryError):
        return "it needed more memory than it may have."
    line = _line_of(error, script)
    return f"{type(error).__name__}: {error}{f' (line {line})' if line else ''}"


def _line_of(error: BaseException, script: str) -> int | None:
    line, step = None, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == script:
            line = step.tb_lineno
        step = step.tb_next
    return line


if __name__ == "__main__":
    main()
