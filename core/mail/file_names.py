"""Names of attachments: foreign text that wants to become a file (paths, devices, hidden and reversed endings)."""

import re
import unicodedata

from core.text import clean, safe_text

FALLBACK_NAME = "attachment"
"""The name of what has none."""

LONGEST_NAME = 200
"""Bytes of a file name; file systems take 255 and we may have to add a number."""

_LONGEST_READ = 4096
_LONGEST_ENDING = 20
# What a shell, a file system or Windows gives a meaning of its own.
_MEANINGFUL = re.compile(r'[<>:"|?*\x00-\x1f\x7f$`&;!\'{}\\]')
# Names of devices, which Windows finds in every folder and with every ending.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|clock\$|(?:com|lpt)[0-9¹²³])\s*(?:\.|$)", re.IGNORECASE)
_REPLACEMENTS = "\ufffd"


def safe_file_name(name: str) -> str:
    """A file name that says what the attachment's says and can do no harm: no path, no device, never `.` or `..`."""
    base = re.split(r"[/\\]", clean(name[:_LONGEST_READ]))[-1]
    shown = safe_text(unicodedata.normalize("NFC", base)).replace(_REPLACEMENTS, "_")
    safe = " ".join(_MEANINGFUL.sub("_", shown).split()).rstrip(". ")
    # A dot at the start hides a file, a hyphen is read as an option, a tilde as a home.
    safe = re.sub(r"\A[.\-~ ]+", "_", safe)
    if not safe.strip("_ "):
        return FALLBACK_NAME
    return _bounded("_" + safe if _DEVICE.match(safe) else safe)


def _bounded(name: str) -> str:
    """Cut the name to its length in bytes and keep its ending, by which people know what it is."""
    if len(name.encode()) <= LONGEST_NAME:
        return name
    stem, dot, ending = name.rpartition(".")
    kept = f"{dot}{ending}" if stem and len(ending) <= _LONGEST_ENDING else ""
    room = LONGEST_NAME - len(kept.encode())
    return (stem if kept else name).encode()[:room].decode("utf-8", "ignore").rstrip(". ") + kept
