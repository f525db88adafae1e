"""What `postroom send` makes of its stdin: the message as it is handed in, and who it is for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO

from core.errors import BadInput, UnsafeMessage
from core.local_names import LocalNames
from core.mail.canonical import canonical_crlf
from core.mail.envelope import LARGEST, check_header, named_in, recipients_of
from core.mail.header_block import HeaderBlock, encode_text
from core.mail.strict_address import strict_address

_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
_OF_PEOPLE = (b"From", b"Sender", b"To", b"Cc", b"Bcc")
_BARE_WORDS = re.compile(r"(?:^|,)\s*([^\s,<(\"]+(?:\s+[^\s,<(\"]+)+)\s*(?=,|$)")
"""Words with only blanks between them, and nothing that says which of them are a name: `root bob@example.net`."""


@dataclass(frozen=True)
class Submission:
    """A message to be handed in, and its recipients, each once."""

    raw: bytes
    recipients: tuple[str, ...]


def read_message(stdin: IO[bytes], *, ignore_dots: bool) -> bytes:
    """The message on stdin; without `ignore_dots` a line that is a dot alone ends it, as sendmail has it.

    Raises:
        BadInput: it is larger than any relay takes.
    """
    kept, size = [], 0
    for line in stdin:
        if not ignore_dots and line.rstrip(b"\r\n") == b".":
            break
        kept.append(line)
        size += len(line)
        if size > LARGEST:
            raise BadInput(f"The message is over {LARGEST >> 20} MiB and was not taken.")
    return b"".join(kept)


def prepared(
    raw: bytes, named: Sequence[str], names: LocalNames, *, from_headers: bool, from_field: str = ""
) -> Submission:
    """The message without Bcc, with a From if one is given and none is there; recipients as named, then its own.

    Args:
        raw: what was read from stdin.
        named: the recipients on the command line.
        names: who is meant by a name without @.
        from_headers: whether To, Cc and Bcc name recipients too.
        from_field: what stands in From if the message has none.

    Raises:
        BadInput: there is nothing to send, or nobody to send it to.
        UnsafeMessage: a Bcc stands where it would leave with the message.
    """
    if not raw.strip():
        raise BadInput("There is no message: stdin was empty.")
    raw = _with_header(raw)
    check_header(raw)
    block = HeaderBlock.cut(canonical_crlf(raw))
    for field in _OF_PEOPLE:
        value = block.first(field.lower())
        if value is not None and (full := names.qualified(value.strip())) != value.strip():
            block.replace(field, full)
    found = recipients_of(block) if from_headers else ()
    recipients = tuple(dict.fromkeys(each for word in [*_split(named), *found] for each in names.recipients_of(word)))
    if not recipients:
        raise BadInput(_nobody(from_headers=from_headers))
    block.remove(b"bcc", b"resent-bcc")
    if from_field and not (block.first(b"from") or b"").strip():
        block.replace(b"From", from_field.encode())
    return Submission(block.assemble(), recipients)


def from_field(name: str, address: str) -> str:
    """A From of a name, in any script, and an address.

    Raises:
        UnsafeMessage: the address is none, or the name holds a line break.
    """
    if not name.isprintable():
        raise UnsafeMessage("-F: the name holds a line break or another character that no name may hold.")
    try:
        checked = strict_address(address, allow_utf8=True)
    except ValueError as error:
        raise UnsafeMessage(f"From: {error}") from error
    if not name.strip():
        return checked
    if name.isascii() and "=?" not in name:
        escaped = name.strip().replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}" <{checked}>'
    return f"{encode_text(name.strip(), len('From: ')).decode('ascii')}\r\n <{checked}>"


def _with_header(raw: bytes) -> bytes:
    """A text that begins with no field has no header at all: it is a body (`echo hello | sendmail …`)."""
    if raw.startswith((b"From ", b">From ")):
        raw = raw.partition(b"\n")[2]
    return raw if _FIELD.match(raw) or raw.startswith((b"\n", b"\r\n")) else b"\n" + raw


def _split(named: Iterable[str]) -> list[str]:
    """Recipients as given: `name <a@b>`, and several in one word, as sendmail takes them."""
    return [address for word in named for address in _listed(word) or (word,)]


def _listed(word: str) -> Sequence[str]:
    """The recipients of one word; what is none stands among them as it is, and will be refused."""
    # A word with a line break is no list, and a name before a bare address might be a recipient: whoever gave it is
    # told so, nothing in it is taken for an address and nothing left out.
    return (_BARE_WORDS.findall(word) or named_in(word)) if word.isprintable() else ()


def _nobody(*, from_headers: bool) -> str:
    if from_headers:
        return "The message names no recipient: its To, Cc and Bcc hold no address."
    return "There is no recipient: name one, or use -t to take them from To, Cc and Bcc."
