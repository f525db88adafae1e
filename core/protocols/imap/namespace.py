"""Where a server keeps a person's folders (NAMESPACE, RFC 2342), and refusals that tell which folder they are about.

Cyrus and Courier keep all of them below `INBOX.` as they are shipped: there `Archive` is no folder and cannot be made,
and their refusals name neither the folder nor the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import NoSuchFolder, WireError
from core.protocols.imap.commands import ImapCommands
from core.protocols.imap.folders import Namespaces, parse_namespaces
from core.protocols.imap.text import folder_name

_PHASES = ("folder", "move", "create")
"""Those in which a command names a folder."""


def name_below(namespaces: Namespaces, folder: str) -> str:
    """What a folder would have to be called among the person's own, as `INBOX.Archive`; empty if it may lie there."""
    if not namespaces.personal or folder.upper() == "INBOX":
        return ""
    prefix, delimiter = namespaces.personal[0]
    if any(folder.upper().startswith(each.upper()) for each in (prefix, *filter(None, namespaces.foreign))):
        return ""
    name = re.sub(r"^INBOX[./\\]", "", folder, flags=re.IGNORECASE)
    return prefix + (name.replace("/", delimiter) if delimiter else name)


def namespaces_of(dialogue: ImapCommands) -> Namespaces:
    """How the folders lie; nothing where the server does not tell."""
    if not dialogue.offers("NAMESPACE"):
        return Namespaces((), ())
    return parse_namespaces(dialogue.command(b"NAMESPACE", phase="folders").untagged)


def name_to_make(dialogue: ImapCommands, folder: str) -> str:
    """What a folder that is not there would have to be called to be made there; empty: it is there, or may be."""
    name = name_below(namespaces_of(dialogue), folder)
    return "" if name and _is_there(dialogue, folder) else name


@contextmanager
def about(dialogue: ImapCommands, folder: str) -> Iterator[None]:
    """A refusal in here tells which folder it is about, and what that would have to be called there."""
    try:
        yield
    except WireError as error:
        if type(error) not in (WireError, NoSuchFolder) or error.phase not in _PHASES or dialogue.wire.broken:
            raise
        text = f"{_told(error, folder).rstrip('.')}. {_hint(dialogue, folder)}".rstrip()
        raise type(error)(text, host=error.host, phase=error.phase, reply=error.reply) from error


def _is_there(dialogue: ImapCommands, folder: str) -> bool:
    try:
        dialogue.command(b"STATUS", folder_name(folder), b"(MESSAGES)", phase="folder")
    except WireError:
        if dialogue.wire.broken:
            raise
        return False
    return True


def _told(error: WireError, folder: str) -> str:
    reply = error.reply or "no reason given"
    if isinstance(error, NoSuchFolder):
        return f"The folder {folder!r} is not on the server: {reply}"
    return f"The server refused ({error.phase}, {folder!r}): {reply}"


def _hint(dialogue: ImapCommands, folder: str) -> str:
    try:
        namespaces = namespaces_of(dialogue)
    except WireError:
        if dialogue.wire.broken:
            raise
        return ""
    name = name_below(namespaces, folder)
    return f"Its folders begin with {namespaces.personal[0].prefix!r}: name it {name!r}." if name else ""
