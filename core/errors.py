"""Everything that can go wrong, as one tree.

PostroomError
├── Misuse                     the caller's words are off                            (64)
├── BadInput                   values that cannot be taken; carries every problem    (65)
│   ├── InUse                  deleting what others still need
│   ├── ChangedMeanwhile       somebody else changed it since it was read
│   └── UnsafeMessage          an envelope or header that must not leave
├── NoInput                    a file that is not there                              (66)
├── NotFound                   no such thing by that name                            (67)
├── NotPermitted               the actor's role does not allow it                    (77)
├── ConfigurationError         a setting that a person must mend                     (78)
│   ├── ExposedFile            a key or database that others can read
│   ├── SchemaMismatch         database and program of different versions
│   ├── SecretUnreadable       wrong key, tampered or moved ciphertext
│   ├── InvalidAccount         fetching what is marked invalid
│   ├── OAuthRefused           the provider refuses the app or what it asks for
│   └── NeedsSignIn            a person must sign in again
├── StoreError                 the database or the disk
│   ├── StoreBusy              locked or out of reach for too long                   (75)
│   ├── StoreFull              no space left                                         (75)
│   ├── StoreRefused           values the database does not take: a fault of ours    (70)
│   └── CannotWrite            a file or folder that cannot be created or written    (73)
├── WorkerNeeded               only a worker could do it, and none is running         (75)
├── ScriptFailed               a mailbox's MIME script that did not do its part       (75)
├── Shortage                   too little memory, too many open files or threads      (75)
├── FaultOfOurs                something in Postroom, not in the mail or a server     (70)
├── LeaseLost                  another worker has taken over: stop, write nothing
├── Stopped                    a person or a signal asked for an orderly end
└── WireError                  a server; carries host, phase, reply; transient unless it says otherwise
    ├── Unreachable            no address, refused, timed out on connecting
    ├── TlsFailed              certificate or handshake (permanent)
    ├── TlsMissing             the server does not offer the TLS that is required (permanent)
    ├── LoginRefused           user name, password or token (permanent)
    │   └── TokenRefused       a token that the provider gave just now (permanent)
    ├── NoSuchFolder           the folder is not there (permanent)
    ├── NotOffered             the server lacks what a setting asks for (permanent)
    ├── Throttled              asked to come back later; carries for how long
    ├── ConnectionLost         cut in the middle
    ├── DeadlineExceeded       too slow, for the whole operation
    ├── ProtocolViolation      an answer that makes no sense
    ├── OAuthUnavailable       no token for now: the provider is down, slow, throttling or talks nonsense
    └── SmtpRefused            a reply of 4yz or 5yz; carries code, enhanced code, text
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class PostroomError(Exception):
    """Something went wrong; the text says what happened and what to do."""

    exit_code: ClassVar[int] = 70
    """What a command ends with (sysexits.h)."""

    is_permanent: bool = False
    """Whether trying again, with nothing changed, is pointless. What cannot be known is transient."""


class Misuse(PostroomError):
    """A command or call was used in a way it does not know."""

    exit_code = 64


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a value."""

    where: str
    """The file, entry or form it stands in, as the reader knows it; may be empty."""

    field: str
    """The field's name, or empty when it is about the whole."""

    text: str
    """What is wrong and what to do, as a sentence."""

    def __str__(self) -> str:
        place = ": ".join(part for part in (self.where, self.field) if part)
        return f"{place}: {self.text}" if place else self.text


class BadInput(PostroomError):
    """Values were given that cannot be taken; nothing was changed."""

    exit_code = 65
    is_permanent = True

    def __init__(self, message: str = "", problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message or "\n".join(str(problem) for problem in problems))
        self.problems = problems or (Problem("", "", message),)


class InUse(BadInput):
    """Something was not deleted because others still need it."""


class ChangedMeanwhile(BadInput):
    """Somebody else changed it since it was read; nothing was changed."""


class UnsafeMessage(BadInput):
    """An envelope or header holds what must not leave (CR, LF, NUL, an ambiguous address)."""


class NoInput(PostroomError):
    """A file to read is not there or cannot be opened."""

    exit_code = 66


class NotFound(PostroomError):
    """There is no such thing by that name."""

    exit_code = 67
    is_permanent = True


class NotPermitted(PostroomError):
    """The actor's role does not allow this."""

    exit_code = 77
    is_permanent = True


class ConfigurationError(PostroomError):
    """A setting must be mended by a person before this can work."""

    exit_code = 78
    is_permanent = True


class ExposedFile(ConfigurationError):
    """A key or database can be read by others; the text holds the command that mends it."""


class SchemaMismatch(ConfigurationError):
    """The database was made by another version; `postroom db upgrade` migrates it."""


class SecretUnreadable(ConfigurationError):
    """A stored secret cannot be opened: wrong key, or the ciphertext was changed or moved."""


class InvalidAccount(ConfigurationError):
    """The account is marked invalid and is not fetched."""


class OAuthRefused(ConfigurationError):
    """The provider refuses the app registration, or what it asks for: the profile must be mended, here or there."""


class NeedsSignIn(ConfigurationError):
    """There is no grant any more, or none yet: a person must sign in."""


class StoreError(PostroomError):
    """The database or the disk could not do what was asked; nothing half-done remains."""

    exit_code = 75


class StoreBusy(StoreError):
    """The database stayed locked or out of reach until the deadline."""


class StoreFull(StoreError):
    """The disk is full; what was committed stays, nothing was changed on any server."""


class StoreRefused(StoreError):
    """The database does not take these values; with others it would work."""

    exit_code = 70
    is_permanent = True


class CannotWrite(StoreError):
    """A file or folder cannot be created or written."""

    exit_code = 73


class WorkerNeeded(PostroomError):
    """This process may not do it (it lacks the key), and no worker is running that could."""

    exit_code = 75


class ScriptFailed(PostroomError):
    """A MIME script cannot be run, or did not do its part; what it was to change is not sent."""

    exit_code = 75


class Shortage(PostroomError):
    """The system gives this process no more memory, files or threads; when it does, the same works."""

    exit_code = 75


class FaultOfOurs(PostroomError):
    """Something in Postroom, or installed beside it, fails whatever the mail is."""

    exit_code = 70


class LeaseLost(PostroomError):
    """Another worker has taken this over; what is in hand must be dropped unwritten."""

    exit_code = 75


class Stopped(PostroomError):
    """A person or a signal asked for an orderly end."""

    exit_code = 75


class WireError(PostroomError):
    """A server did not do what was asked; transient unless the class says otherwise."""

    exit_code = 69

    def __init__(self, message: str, *, host: str = "", phase: str = "", reply: str = "") -> None:
        super().__init__(message)
        self.host = host
        """The server as configured, `host:port`."""
        self.phase = phase
        """The step it failed in: resolve, connect, tls, greeting, login, select, fetch …"""
        self.reply = reply
        """The server's own words, cleaned and without secrets; empty if it said nothing."""
        self.ways = ""
        """Of a login: what was tried and what the server offers, as a sentence."""


class Unreachable(WireError):
    """The server's name does not resolve, or nothing answers at that address and port."""


class TlsFailed(WireError):
    """The certificate is not trusted or the handshake failed; nothing was sent in clear."""

    exit_code = 78
    is_permanent = True


class TlsMissing(WireError):
    """The server does not offer the TLS that is required; nothing was sent in clear."""

    exit_code = 78
    is_permanent = True


class LoginRefused(WireError):
    """The server refused the user name, the password or the token."""

    exit_code = 77
    is_permanent = True


class TokenRefused(LoginRefused):
    """The server refused an access token that is good; the text says what its operator has to permit."""


class NoSuchFolder(WireError):
    """The folder is not on the server."""

    exit_code = 78
    is_permanent = True


class NotOffered(WireError):
    """The server lacks a feature that a setting needs."""

    exit_code = 78
    is_permanent = True


class Throttled(WireError):
    """The server asked to come back later."""

    def __init__(
        self, message: str, *, host: str = "", phase: str = "", reply: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message, host=host, phase=phase, reply=reply)
        self.retry_after = retry_after
        """Seconds the server asked for, if it said."""


class ConnectionLost(WireError):
    """The connection broke in the middle; what was not confirmed did not happen, or may have."""


class DeadlineExceeded(WireError):
    """The server was too slow for the whole operation, however busy it looked."""


class ProtocolViolation(WireError):
    """The server answered something that makes no sense at this point."""


class OAuthUnavailable(WireError):
    """The provider gave no token for a passing reason: out of reach, slow, throttling, or talking nonsense."""

    def __init__(
        self, message: str, *, host: str = "", phase: str = "token", reply: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message, host=host, phase=phase, reply=reply)
        self.retry_after = retry_after
        """Seconds the provider asked for, if it said."""


class SmtpRefused(WireError):
    """An SMTP reply of 4yz or 5yz (RFC 5321 §4.2.1)."""

    def __init__(self, message: str, *, code: int, enhanced: str = "", text: str = "", host: str = "", phase: str = ""):
        super().__init__(message, host=host, phase=phase, reply=f"{code} {enhanced} {text}".replace("  ", " ").strip())
        self.code = code
        """The three-digit reply code."""
        self.enhanced = enhanced
        """The enhanced status code, `5.7.1` (RFC 3463), or empty."""
        self.text = text
        """The rest of the reply, cleaned."""
        self.is_permanent = 500 <= code < 600
