"""What to change when a server refuses: an error in, a sentence out. The first match in the table wins."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.errors import (
    ConnectionLost,
    DeadlineExceeded,
    LoginRefused,
    NoSuchFolder,
    NotOffered,
    PostroomError,
    ProtocolViolation,
    SmtpRefused,
    Throttled,
    TlsFailed,
    TlsMissing,
    TokenRefused,
    Unreachable,
    WireError,
)

_LOGIN = ("login",)
_ENVELOPE = ("mail_from", "rcpt_to", "data", "dot")


@dataclass(frozen=True)
class Cause:
    """One thing that can be wrong, how it shows, and what to do about it."""

    name: str
    """For tests and logs."""
    advice: str
    """What to change."""
    kinds: tuple[type[PostroomError], ...] = (WireError,)
    """Errors it shows as."""
    phases: tuple[str, ...] = ()
    """Steps it shows in; empty: any."""
    words: str = ""
    """A pattern that the error's text or the server's words match; empty: any."""

    def explains(self, error: PostroomError) -> bool:
        """Whether this is it."""
        phase = error.phase if isinstance(error, WireError) else ""
        said = f"{error} {error.reply}" if isinstance(error, WireError) else str(error)
        return (
            isinstance(error, self.kinds)
            and (not self.phases or phase in self.phases)
            and (not self.words or re.search(self.words, said, re.IGNORECASE) is not None)
        )


def cause_of(error: PostroomError) -> Cause | None:
    """The first cause in the table that explains this error."""
    return next((cause for cause in CAUSES if cause.explains(error)), None)


def advice(error: PostroomError) -> str:
    """What happened and what to change, in one or two sentences."""
    cause = cause_of(error)
    # Errors of ours that already say what to do need no second sentence.
    says_all = cause is None or not cause.advice or isinstance(error, TokenRefused)
    # Words of causes may stand among what a server offers; they are compared with what it said.
    ways = error.ways if isinstance(error, WireError) else ""
    parts = (str(error), ways, "" if cause is None or says_all else cause.advice)
    told = [part for part in parts if part]
    return " ".join((*map(_ended, told[:-1]), told[-1]))


def _ended(text: str) -> str:
    """A text with its full stop: what it quotes of a server seldom ends with one."""
    return text if text.endswith((".", "!", "?", ")")) or not text else f"{text}."


CAUSES = (
    # The way to the server.
    Cause("port", "", (Unreachable,), ("resolve",), r"is not a port"),
    Cause("unknown host", "", (Unreachable,), ("resolve",), r"no host named"),
    Cause("name server", "Try again; if it stays, look at this machine's DNS.", (Unreachable,), ("resolve",)),
    Cause(
        "refused", "Check port and security: 993/143 IMAP, 995/110 POP3, 587/465 SMTP.", (Unreachable,), (), r"refused"
    ),
    Cause("no route", "", (Unreachable,), (), r"no way from here"),
    Cause("no answer", "Many providers block port 25; use 587 or 465.", (Unreachable,), (), r":25\b"),
    Cause("firewall", "", (Unreachable,)),
    # TLS.
    Cause("certificate expired", "", (TlsFailed,), (), r"expired"),
    Cause("certificate not valid yet", "", (TlsFailed,), (), r"not valid yet"),
    Cause("wrong host in certificate", "", (TlsFailed,), (), r"is not for"),
    Cause("self-signed", "", (TlsFailed,), (), r"self-signed"),
    Cause("unknown authority", "", (TlsFailed,), (), r"unknown authority"),
    Cause("other pin", "", (TlsFailed,), (), r"another certificate"),
    Cause("extra CA", "Give a file that can be read here, or the PEM text itself.", (TlsFailed,), (), r"extra CA"),
    Cause("fingerprint", "Pin the SHA-256 that the test shows.", (TlsFailed,), (), r"64 hexadecimal"),
    Cause("no TLS on this port", "", (TlsFailed,), (), r"does not speak TLS"),
    Cause("TLS too old", "", (TlsFailed,), (), r"below 1\.2"),
    Cause("client certificate", "", (TlsFailed,), (), r"client certificate"),
    Cause("weak TLS", "", (TlsFailed,), (), r"no safe way"),
    Cause("TLS", "Try again; if it stays, show the server's operator this line.", (TlsFailed,)),
    Cause("no STARTTLS", "", (TlsMissing,)),
    Cause(
        "STARTTLS refused",
        "The server offers STARTTLS and cannot do it now: try again later, or set security to TLS and its port.",
        (WireError,),
        ("tls",),
        r"refused",
    ),
    Cause(
        "TLS port without TLS",
        "If this is the port for TLS from the first byte (993, 995, 465), set security to TLS.",
        (DeadlineExceeded,),
        ("greeting",),
    ),
    Cause(
        "turned away",
        "The server may have too many connections from here, or not want this machine's address; if this is the port "
        "for TLS from the first byte (993, 995, 465), set security to TLS.",
        (ConnectionLost,),
        ("greeting",),
        r"^(?!.*ended the session)",
    ),
    Cause(
        "going away",
        "The server takes no connections or mail now: try again later.",
        (SmtpRefused,),
        (),
        r": 421\b",
    ),
    Cause("not this protocol", "Check the type and the port.", (ProtocolViolation,), ("greeting",)),
    Cause("EHLO name", "Set the EHLO name to this machine's full host name.", (SmtpRefused,), ("ehlo",)),
    Cause(
        "blocked address",
        "The server does not want mail from this machine's address; ask its operator.",
        (SmtpRefused,),
        ("greeting",),
    ),
    # Signing in.
    Cause(
        "password in clear",
        "Set security to STARTTLS or TLS.",
        (NotOffered, LoginRefused),
        _LOGIN,
        r"in clear|must issue a starttls|encryption required|: 538\b",
    ),
    Cause(
        "app password",
        "Make an app password at the provider and use it here.",
        (LoginRefused,),
        _LOGIN,
        r"application-specific|app(lication)? password|InvalidSecondFactor",
    ),
    Cause(
        "browser login",
        "Sign in with a browser once, or use OAuth.",
        (LoginRefused,),
        _LOGIN,
        r"web ?login|via your web browser|log in with your browser",
    ),
    Cause(
        "basic authentication off",
        "The provider takes no passwords for this mailbox: use a sign-in profile (OAuth), or have it allowed.",
        (LoginRefused, NotOffered),
        _LOGIN,
        r"basic ?auth|SmtpClientAuthentication is disabled|client not authenticated|5\.7\.139|LOGINDISABLED"
        r"|modern auth|access tokens \(OAuth 2\) alone",
    ),
    Cause(
        "token",
        "The access token was refused: sign in again, and see that the mailbox permission is granted.",
        (LoginRefused,),
        _LOGIN,
        r"XOAUTH2|invalid_token|bearer|AUTHENTICATE failed",
    ),
    Cause(
        "password expired",
        "Change the password at the provider, then here.",
        (LoginRefused,),
        _LOGIN,
        r"\[EXPIRED\]|password (has )?expired|5\.7\.11",
    ),
    Cause(
        "account blocked",
        "The account is blocked or not enabled for this protocol; ask the server's operator.",
        (LoginRefused,),
        _LOGIN,
        r"disabled|locked|blocked|suspended|not enabled|AUTHORIZATIONFAILED|not allowed",
    ),
    Cause(
        "password", "Check user name and password; some servers want the whole address as user name.", (LoginRefused,)
    ),
    Cause("no login here", "", (NotOffered,), _LOGIN, r"offers no login"),
    Cause(
        "no tokens",
        "Use the provider's server that takes them, or take the sign-in profile away and give a password.",
        (NotOffered,),
        _LOGIN,
        r"takes no access tokens",
    ),
    Cause(
        "domain login",
        "Logins of a Windows or Kerberos domain (GSSAPI, NTLM) are not supported: have the server's operator allow "
        "PLAIN over TLS, or use a sign-in profile (OAuth).",
        (NotOffered,),
        _LOGIN,
        r"that we know: .*\b(GSS|NTLM|GS2-|KERBEROS)",
    ),
    Cause(
        "login mechanism",
        "Use another server of the provider, or a sign-in profile (OAuth).",
        (NotOffered,),
        _LOGIN,
    ),
    Cause(
        "impostor",
        "Whoever answers there may not be the server: check host and port, and set security to TLS.",
        (ProtocolViolation,),
        _LOGIN,
        r"did not prove|not to what we said|password hashed|challenge",
    ),
    Cause("login out of order", "Try again later; the server cannot check passwords now.", (SmtpRefused,), _LOGIN),
    # The mailbox.
    Cause(
        "connection limit",
        "Fewer connections at once, or close other mail programs that use this mailbox.",
        (Throttled,),
        (),
        r"maximum number|too many|\[LIMIT\]",
    ),
    Cause(
        "mailbox in use",
        "Another program has it open; POP3 lets in one at a time.",
        (Throttled,),
        (),
        r"IN-?USE|in use|\block",
    ),
    Cause(
        "over quota",
        "The mailbox or the folder is full, or today's allowance is used up.",
        (Throttled,),
        (),
        r"quota|bandwidth",
    ),
    Cause("asked too often", "Make the interval longer.", (Throttled,), (), r"LOGIN-DELAY|rate|throttl|backoff"),
    Cause(
        "mailbox not opened",
        "If it never worked: whoever signed in (or the application) has no right to this mailbox, the user name is not "
        "its address, or the protocol is off for it. If it worked before, it passes by itself.",
        (Throttled,),
        (),
        r"authenticated but not connected",
    ),
    Cause("server busy", "Try again later.", (Throttled,)),
    Cause("folder", "Check the folder's name; INBOX always exists.", (NoSuchFolder,)),
    Cause(
        "no right",
        "This login may not do that in the folder: ask the server's operator for the right (ACL), or choose another.",
        (WireError,),
        ("folder", "move", "create", "mark", "delete"),
        # Where the folder has another name, that is the advice.
        r"^(?!.*Its folders begin with).*(\[NOPERM\]|(permission|access) denied|not permitted)",
    ),
    # Sending.
    Cause(
        "TLS wanted",
        "The server takes mail over TLS only: set security to STARTTLS or TLS.",
        (SmtpRefused,),
        _ENVELOPE,
        r"starttls|encryption (is )?(needed|required)",
    ),
    Cause(
        "login needed",
        "The server wants a login: turn authentication on.",
        (SmtpRefused,),
        _ENVELOPE,
        r"5\.7\.0|\b530\b|authenti(cation|cate) (is )?required|must (be )?authenticat|5\.5\.1 auth",
    ),
    Cause(
        "sender's domain",
        "The sender's domain is not known to DNS: check its spelling, or use a sender whose domain takes mail.",
        (SmtpRefused,),
        _ENVELOPE,
        r"domain (name )?(was |is )?(not found|unknown)|domain .{0,80}does not (exist|resolve)|[45]\.1\.8",
    ),
    Cause(
        "sender's policy",
        "The sender's domain does not let this server send for it (SPF, DKIM, DMARC): send through its own relay, or "
        "have its DNS changed.",
        (SmtpRefused,),
        _ENVELOPE,
        r"\b(spf|dkim|dmarc)\b|5\.7\.2[0-9]",
    ),
    Cause(
        "sender not allowed",
        "Use a sender that belongs to this login.",
        (SmtpRefused,),
        _ENVELOPE,
        r"5\.7\.60|5\.2\.252|sender address rejected|not owned|send as|sendas|5\.1\.7|not allowed to send",
    ),
    Cause(
        "relay denied",
        "This server does not relay for us: log in, or use the provider's submission server.",
        (SmtpRefused,),
        _ENVELOPE,
        r"relay",
    ),
    Cause(
        "listed address",
        "This machine's address is on a block list: send through the provider's submission server.",
        (SmtpRefused,),
        _ENVELOPE,
        r"spamhaus|blocklist|blacklist|block list|rbl|dnsbl|5\.7\.606|5\.7\.51",
    ),
    Cause(
        "recipient unknown",
        "The test's recipient does not exist there.",
        (SmtpRefused,),
        ("rcpt_to",),
        r"5\.1\.1|5\.1\.10|user unknown|no such user|does not exist",
    ),
    Cause(
        "greylisting",
        "The server wants a second try in some minutes; that is normal and done by itself.",
        (SmtpRefused,),
        ("rcpt_to",),
        r"grey|gray|\b450\b|\b451\b",
    ),
    Cause(
        "too large",
        "The server takes smaller messages only: lower the mailbox's largest message.",
        (SmtpRefused,),
        _ENVELOPE,
        r"5\.3\.4|\b552\b|message size|too large",
    ),
    Cause(
        "server full",
        "The server has no room now: try again later, or tell its operator.",
        (SmtpRefused,),
        _ENVELOPE,
        r"4\.3\.1|insufficient|: 452\b",
    ),
    Cause("not now", "Try again later; the server's words say why.", (SmtpRefused,), _ENVELOPE, r": 4\d\d\b"),
    Cause("sender refused", "The server does not take mail from this sender.", (SmtpRefused,), ("mail_from",)),
    Cause("recipient refused", "The server does not take mail for this recipient.", (SmtpRefused,), ("rcpt_to",)),
    Cause(
        "no mail taken", "The server does not take mail like this; its words say why.", (SmtpRefused,), ("data", "dot")
    ),
    # In the middle.
    Cause(
        "large packets lost",
        "Where connecting works and TLS never does, large packets are lost on the way (a VPN, a tunnel, a firewall "
        "that drops ICMP): try ping -M do -s 1400 HOST, and make this machine's MTU smaller. Else the server is slow.",
        (DeadlineExceeded,),
        ("tls",),
    ),
    Cause("too slow", "The server or the way to it is slow; try again later.", (DeadlineExceeded,)),
    Cause("session ended", "The server's words say why; try again later.", (ConnectionLost,), (), r"ended the session"),
    Cause("cut", "Try again; if it stays, look for a firewall or proxy in between.", (ConnectionLost,)),
    Cause("out of step", "The server behaves against its protocol; its operator should know.", (ProtocolViolation,)),
)
