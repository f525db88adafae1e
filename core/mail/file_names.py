"""Names of attachments: foreign text that wants to become a file (paths, devices, hidden and reversed endings)."""

import re
import unicodedata

from core.text import clean, safe_text

FALLBACK_NAME = "attachment"
"""The name of what has none."""

_ENDINGS = {
    "application/json": ".json", "application/msword": ".doc", "application/ms-tnef": ".dat", "application/pdf": ".pdf",
    "application/pgp-signature": ".asc", "application/pkcs7-mime": ".p7m", "application/x-pkcs7-mime": ".p7m",
    "application/pkcs7-signature": ".p7s", "application/x-pkcs7-signature": ".p7s", "application/rtf": ".rtf",
    "application/vnd.ms-excel": ".xls", "application/vnd.oasis.opendocument.text": ".odt",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/xml": ".xml", "application/zip": ".zip", "audio/mpeg": ".mp3", "audio/wav": ".wav",
    "audio/x-wav": ".wav",
    "image/bmp": ".bmp", "image/gif": ".gif", "image/jpeg": ".jpg", "image/jpg": ".jpg", "image/pjpeg": ".jpg",
    "image/png": ".png", "image/svg+xml": ".svg", "image/tiff": ".tif", "image/webp": ".webp",
    "message/delivery-status": ".txt", "message/disposition-notification": ".txt", "message/feedback-report": ".txt",
    "text/calendar": ".ics", "text/csv": ".csv", "text/html": ".html",
    "text/rtf": ".rtf", "text/vcard": ".vcf", "text/x-vcard": ".vcf", "text/xml": ".xml", "video/mp4": ".mp4",
}  # fmt: skip
"""How a file of a type ends, of those that come without a name. The machine's own table differs from host to host."""

LONGEST_NAME = 200
"""Bytes of a file name; file systems take 255 and we may have to add a number."""

_LONGEST_READ = 4096
_LONGEST_ENDING = 20
# What a shell, a file system or Windows gives a meaning of its own.
_MEANINGFUL = re.compile(r'[<>:"|?*\x00-\x1f\x7f$`&;!\'{}\\]')
# Names of devices, which Windows finds in every folder and with every ending.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|clock\$|(?:com|lpt)[0-9¹²³])\s*(?:\.|$)", re.IGNORECASE)
_REPLACEMENTS = "\ufffd"


def name_for(media_type: str) -> str:
    """A name for an attachment that has none, with the ending by which programs know such files."""
    return FALLBACK_NAME + _ENDINGS.get(media_type, ".txt" if media_type.startswith("text/") else "")


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
