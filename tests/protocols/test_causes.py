"""Which sentence goes with which failure."""

import pytest

from core.errors import (
    BadInput,
    ConnectionLost,
    DeadlineExceeded,
    LoginRefused,
    NotOffered,
    PostroomError,
    ProtocolViolation,
    SmtpRefused,
    Throttled,
    TlsFailed,
    TlsMissing,
    Unreachable,
    WireError,
)
from core.protocols.causes import advice, cause_of
from core.protocols.refusals import farewell, refusal, response_code, retry_after, words


def smtp(code: int, enhanced: str, text: str, phase: str) -> SmtpRefused:
    return SmtpRefused(f"refused: {code} {enhanced} {text}", code=code, enhanced=enhanced, text=text, phase=phase)


FAILURES: list[tuple[PostroomError, str]] = [
    (Unreachable("99999 is not a port", phase="resolve"), "port"),
    (Unreachable("There is no host named 'x'.", phase="resolve"), "unknown host"),
    (Unreachable("The name server did not answer", phase="resolve"), "name server"),
    (Unreachable("The connection to 1.2.3.4:993 was refused", phase="connect"), "refused"),
    (Unreachable("There is no way from here to x", phase="connect"), "no route"),
    (Unreachable("Nothing answers at 1.2.3.4:25. Is", phase="connect"), "no answer"),
    (Unreachable("Nothing answers at 1.2.3.4:993. Is", phase="connect"), "firewall"),
    (TlsFailed("The server's certificate expired on 2020-01-01.", phase="tls"), "certificate expired"),
    (TlsFailed("The server's certificate is not valid yet", phase="tls"), "certificate not valid yet"),
    (TlsFailed("The server's certificate is not for x", phase="tls"), "wrong host in certificate"),
    (TlsFailed("The server's certificate is self-signed.", phase="tls"), "self-signed"),
    (TlsFailed("issued by an unknown authority", phase="tls"), "unknown authority"),
    (TlsFailed("another certificate than the pinned one", phase="tls"), "other pin"),
    (TlsFailed("The server does not speak TLS on this port.", phase="tls"), "no TLS on this port"),
    (TlsFailed("broken (below 1.2)", phase="tls"), "TLS too old"),
    (TlsFailed("something", phase="tls"), "TLS"),
    (TlsMissing("no STARTTLS", phase="tls"), "no STARTTLS"),
    (refusal("[SYS/PERM] Error initializing TLS", host="", phase="tls"), "STARTTLS refused"),
    (DeadlineExceeded("slow", phase="greeting"), "TLS port without TLS"),
    (ConnectionLost("The server ended the connection.", phase="greeting"), "turned away"),
    (ProtocolViolation("no IMAP", phase="greeting"), "not this protocol"),
    (smtp(550, "5.7.1", "bad helo", "ehlo"), "EHLO name"),
    (smtp(554, "", "no", "greeting"), "blocked address"),
    (
        refusal("[ALERT] Application-specific password required (Failure)", host="", phase="login"),
        "app password",
    ),
    (refusal("[ALERT] Please log in via your web browser (Failure)", host="", phase="login"), "browser login"),
    (LoginRefused("x 535 5.7.139 Authentication unsuccessful, basic auth", phase="login"), "basic authentication off"),
    (refusal("AUTHENTICATE failed.", host="", phase="login"), "token"),
    (refusal("[EXPIRED] change it", host="", phase="login"), "password expired"),
    (refusal("[AUTHORIZATIONFAILED] no", host="", phase="login"), "account blocked"),
    (refusal("[AUTHENTICATIONFAILED] Authentication failed.", host="", phase="login"), "password"),
    (refusal("Too many invalid logins", host="", phase="login"), "password"),
    (refusal("[PRIVACYREQUIRED] Plaintext authentication disallowed", host="", phase="login"), "password in clear"),
    (refusal("TLS required to log in.", host="", phase="login"), "password in clear"),
    (refusal("[AUTH] USER command only available under a layer", host="", phase="login"), "password in clear"),
    (NotOffered("The server offers no login here.", phase="login"), "no login here"),
    (
        NotOffered("The server takes no passwords, but access tokens (OAuth 2) alone: XOAUTH2.", phase="login"),
        "basic authentication off",
    ),
    (NotOffered("The server takes no access tokens (OAuth 2).", phase="login"), "no tokens"),
    (NotOffered("The server offers no way to log in that we know: DIGEST-MD5, NTLM.", phase="login"), "domain login"),
    (NotOffered("The server offers no way to log in", phase="login"), "login mechanism"),
    (
        ProtocolViolation("The server did not prove that it knows the password (SCRAM-SHA-1).", phase="login"),
        "impostor",
    ),
    (smtp(454, "4.7.0", "down", "login"), "login out of order"),
    (refusal("[LIMIT] Maximum number of connections", host="", phase="login"), "connection limit"),
    (refusal("Too many open connections (2 of 2 for ann)", host="", phase="login"), "connection limit"),
    (refusal("[IN-USE] another session", host="", phase="login"), "mailbox in use"),
    (refusal("EXAMINE Could not open INBOX: Conflict with previous locker", host="", phase="folder"), "mailbox in use"),
    (refusal("chdir /home/ann/Maildir failed", host="", phase="login"), "server busy"),
    (refusal("Your address is blocked, try again in 15 minutes", host="", phase="login"), "server busy"),
    (refusal("LOGIN failed: BasicAuthBlocked", host="", phase="login"), "basic authentication off"),
    (refusal("[OVERQUOTA] full", host="", phase="move"), "over quota"),
    (refusal("[LOGIN-DELAY] wait", host="", phase="login"), "asked too often"),
    (refusal("User is authenticated but not connected.", host="", phase="folder"), "mailbox not opened"),
    (Throttled("later"), "server busy"),
    (refusal("[NONEXISTENT] x", host="", phase="folder"), "folder"),
    (refusal("Permission denied", host="", phase="mark"), "no right"),
    (refusal("[NOPERM] Permission denied", host="", phase="create"), "no right"),
    (smtp(530, "5.7.0", "Authentication required", "mail_from"), "login needed"),
    (smtp(550, "5.7.60", "SendAsDenied", "mail_from"), "sender not allowed"),
    (smtp(554, "5.7.1", "Relay access denied", "rcpt_to"), "relay denied"),
    (smtp(554, "5.7.1", "blocked using zen.spamhaus.org", "rcpt_to"), "listed address"),
    (smtp(550, "5.1.1", "user unknown", "rcpt_to"), "recipient unknown"),
    (smtp(450, "4.2.0", "Greylisted", "rcpt_to"), "greylisting"),
    (smtp(552, "5.3.4", "Message size exceeds", "mail_from"), "too large"),
    (smtp(451, "4.7.1", "later", "mail_from"), "not now"),
    (smtp(550, "5.1.0", "no", "mail_from"), "sender refused"),
    (smtp(550, "5.2.1", "no", "rcpt_to"), "recipient refused"),
    (DeadlineExceeded("slow", phase="tls"), "large packets lost"),
    (DeadlineExceeded("slow", phase="fetch"), "too slow"),
    (farewell("[ALERT] Down until six", host="", phase="greeting"), "session ended"),
    (farewell("[ALERT] Down until six", host="", phase="folder"), "session ended"),
    (ConnectionLost("cut", phase="fetch"), "cut"),
    (ProtocolViolation("odd", phase="fetch"), "out of step"),
]


@pytest.mark.parametrize(("failure", "name"), FAILURES, ids=[name for _, name in FAILURES])
def test_each_cause_is_told_from_all_others(failure: PostroomError, name: str) -> None:
    cause = cause_of(failure)
    assert cause is not None
    assert cause.name == name
    assert advice(failure).startswith(str(failure))


def test_what_a_server_said_and_what_to_change_are_two_sentences() -> None:
    assert "535 5.7.8 Invalid. Check user name" in advice(refusal("535 5.7.8 Invalid", host="", phase="login"))
    assert "535 5.7.8 Invalid. Check user name" in advice(refusal("535 5.7.8 Invalid.", host="", phase="login"))


def test_what_was_tried_at_a_login_is_told_and_takes_no_part_in_finding_the_cause() -> None:
    failure = refusal("[AUTH] no", host="", phase="login")
    failure.ways = "Tried PLAIN; the server offers PLAIN, XOAUTH2."
    told = cause_of(failure)
    assert told is not None
    assert told.name == "password"
    assert advice(failure) == f"The server refused the login: [AUTH] no. {failure.ways} {told.advice}"


def test_what_no_cause_explains_speaks_for_itself() -> None:
    assert advice(BadInput("A line break.")) == "A line break."
    assert advice(WireError("odd")) == "odd"
    named = (
        "The server refused (create, 'Old'): Permission denied. Its folders begin with 'INBOX.': name it 'INBOX.Old'."
    )
    assert advice(WireError(named, phase="create", reply="Permission denied")) == named


@pytest.mark.parametrize(
    ("reply", "code", "seconds"),
    [
        ("[AUTHENTICATIONFAILED] no", "AUTHENTICATIONFAILED", None),
        ("[sys/temp] later", "SYS/TEMP", None),
        ("no code", "", None),
        ("[COPYUID 1 2 3] ok", "COPYUID", None),
        ("Suggested Backoff Time: 1500 milliseconds", "", 1.5),
        ("Suggested Backoff Time: 99999999999999 milliseconds", "", None),
    ],
)
def test_codes_and_times_are_read(reply: str, code: str, seconds: float | None) -> None:
    assert response_code(reply) == code
    assert retry_after(reply) == seconds


def test_a_servers_words_are_cleaned_and_bounded() -> None:
    assert words(b"\x1b[31mred\x07 \xff\r\n") == "\ufffd[31mred\ufffd \ufffd"
    assert len(words(b"x" * 10_000)) == 300
