"""What a server's refusal means: its words in, an error out (RFC 5530, RFC 2449 §8, RFC 3206, big hosts' ways)."""

from __future__ import annotations

import re

from core.errors import ConnectionLost, LoginRefused, NoSuchFolder, NotOffered, Throttled, WireError
from core.text import bounded, clean

_LONGEST = 300
_CODE = re.compile(r"\[([A-Za-z0-9/_-]+)[^\]]*\]")
_BACKOFF = re.compile(r"backoff time:?\s*(\d{1,12})\s*milliseconds", re.IGNORECASE)

_THROTTLING_CODES = {"LIMIT", "INUSE", "UNAVAILABLE", "OVERQUOTA", "THROTTLED", "IN-USE", "LOGIN-DELAY", "SYS/TEMP"}
_THROTTLING_WORDS = re.compile(
    r"backoff time|server unavailable|maximum number of|too many (\w+ )?(connections|sessions)"
    r"|too many (simultaneous |concurrent )?log"
    r"|throttl|rate limit|try again (later|in)|bandwidth|over ?quota|exceeded .*limit|not connected"
    r"|server (is )?(too )?busy|(maildrop|mailbox) (is )?(already )?(locked|in use)|lock (the )?(maildrop|mailbox)"
    r"|maildrop lock|previous locker",
    re.IGNORECASE,
)
_NOT_OPENED = re.compile(r"authenticated but not connected", re.IGNORECASE)
_TROUBLE_WORDS = re.compile(r"temporar|system error|internal (server )?error|chdir \S+ failed", re.IGNORECASE)
"""That the server is not well; said of a message that was asked for, it is that message's trouble."""
_LOGIN_CODES = {"AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "CONTACTADMIN", "AUTH", "SYS/PERM"}
_FOLDER_CODES = {"NONEXISTENT", "TRYCREATE"}
_FOLDER_WORDS = re.compile(
    r"(doesn't|does not|not) exist|unknown (mailbox|folder)|no such (mailbox|folder|file)|(mailbox|folder) not found",
    re.IGNORECASE,
)
_NO_PLAINTEXT = re.compile(
    r"PRIVACYREQUIRED|plaintext auth|requires? (TLS|SSL|encryption|starttls)|(TLS|SSL|encryption) (is )?required"
    r"|under a layer",
    re.IGNORECASE,
)


def words(text: bytes | str) -> str:
    """A server's words as they may stand in an error."""
    decoded = text.decode(errors="replace") if isinstance(text, bytes) else text
    return bounded(clean(decoded.strip()), _LONGEST)


def response_code(reply: str) -> str:
    """The code in brackets that says it for programs, in upper case; empty if there is none."""
    found = _CODE.search(reply)
    return found.group(1).upper() if found else ""


def retry_after(reply: str) -> float | None:
    """For how many seconds the server wants to be left alone, if it says so."""
    found = _BACKOFF.search(reply)
    return int(found.group(1)) / 1000 if found else None


def refusal(reply: str, *, host: str, phase: str) -> WireError:
    """The error for a NO, BAD, BYE or -ERR with this text, met in this phase."""
    code = response_code(reply)
    shown = reply or "no reason given"
    if code in _THROTTLING_CODES or _is_throttling(reply, code, phase):
        what = "took the login and opens no mailbox" if _NOT_OPENED.search(reply) else "asks to come back later"
        return Throttled(
            f"The server {what}: {shown}",
            host=host,
            phase=phase,
            reply=reply,
            retry_after=retry_after(reply),
        )
    if _NO_PLAINTEXT.search(reply):
        return NotOffered(
            f"The server takes no password in clear; use TLS or STARTTLS: {shown}", host=host, phase=phase, reply=reply
        )
    if phase == "login" or (code in _LOGIN_CODES and phase != "tls"):
        return LoginRefused(f"The server refused the login: {shown}", host=host, phase=phase, reply=reply)
    if code in _FOLDER_CODES or (phase in ("folder", "move") and _FOLDER_WORDS.search(reply)):
        return NoSuchFolder(f"The folder is not on the server: {shown}", host=host, phase=phase, reply=reply)
    return WireError(f"The server refused ({phase}): {shown}", host=host, phase=phase, reply=reply)


def farewell(reply: str, *, host: str, phase: str) -> WireError:
    """The error for a server that ends the session by itself: transient, unless its code says that the login is bad."""
    failure = refusal(reply, host=host, phase=phase)
    if isinstance(failure, Throttled) or (isinstance(failure, LoginRefused) and response_code(reply) in _LOGIN_CODES):
        return failure
    text = f"The server ended the session: {reply or 'no reason given'}"
    return ConnectionLost(text, host=host, phase=phase, reply=reply)


def _is_throttling(reply: str, code: str, phase: str) -> bool:
    # A code that says what it is outweighs words that merely sound like it.
    if code in _LOGIN_CODES | _FOLDER_CODES:
        return False
    return bool(_THROTTLING_WORDS.search(reply) or (phase != "fetch" and _TROUBLE_WORDS.search(reply)))
