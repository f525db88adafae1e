"""The text of a private Dovecot's configuration: values in, a text out."""

import grp
import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from tui.demo.certificates import ServerCertificate


@dataclass(frozen=True)
class DovecotPorts:
    """The ports of one server; all on the loopback address it listens on."""

    imap: int
    """IMAP, in clear or after STARTTLS."""
    imaps: int
    """IMAP inside TLS from the first byte."""
    pop3: int
    """POP3, in clear or after STLS."""
    pop3s: int
    """POP3 inside TLS from the first byte."""


@dataclass(frozen=True)
class DovecotOptions:
    """What differs between one private Dovecot and the next."""

    plaintext_login: bool = True
    """Whether a password is taken in clear. False: LOGINDISABLED until TLS."""
    max_connections_per_user: int = 200
    """From the next one on: `[LIMIT] Maximum number of connections`."""
    quota_kilobytes: int | None = None
    """Beyond it APPEND and COPY answer `[OVERQUOTA]`. None: no quota."""
    pop3_uidl_format: str = "%08Xu%08Xv"
    """How UIDLs are made; Dovecot's own default."""
    imap_capability: str = ""
    """The capabilities announced after login, instead of all there are."""
    extra: str = ""
    """More configuration text, at the end."""


def configuration(
    folder: Path,
    host: str,
    ports: DovecotPorts,
    certificate: ServerCertificate,
    *,
    mail_user: pwd.struct_passwd,
    options: DovecotOptions,
) -> str:
    """All of `dovecot.conf`; whoever is not root runs it with his own rights, as `mail_user`."""
    return "\n".join(
        (
            _places(folder, host, certificate),
            _logins(folder, mail_user, options),
            _listeners(ports),
            "" if os.geteuid() == 0 else _unprivileged(mail_user),
            _quota(options.quota_kilobytes),
            f"pop3_uidl_format = {options.pop3_uidl_format}",
            f"imap_capability = {options.imap_capability}" if options.imap_capability else "",
            options.extra,
            "",
        )
    )


def _places(folder: Path, host: str, certificate: ServerCertificate) -> str:
    return f"""\
protocols = imap pop3
listen = {host}
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
mail_location = maildir:~/Maildir:UTF-8
namespace inbox {{
  inbox = yes
  separator = /
}}
ssl = yes
ssl_cert = <{certificate.chain}
ssl_key = <{certificate.key}
"""


def _logins(folder: Path, mail_user: pwd.struct_passwd, options: DovecotOptions) -> str:
    # Failed logins are answered at once and are not remembered: a test of a wrong password must not slow the next one.
    return f"""\
disable_plaintext_auth = {"no" if options.plaintext_login else "yes"}
auth_mechanisms = plain login
auth_failure_delay = 0
mail_max_userip_connections = {options.max_connections_per_user}
mail_fsync = never
first_valid_uid = {mail_user.pw_uid}
first_valid_gid = {mail_user.pw_gid}
passdb {{
  driver = passwd-file
  args = {folder}/passwords/%u
}}
userdb {{
  driver = static
  args = uid={mail_user.pw_uid} gid={mail_user.pw_gid} home={folder}/mail/%u
}}
"""


def _listeners(ports: DovecotPorts) -> str:
    # One login process for all connections: without a fork for each, a connection costs a millisecond, not ten.
    return "".join(
        f"""\
service {protocol}-login {{
  service_count = 0
  process_min_avail = 1
  inet_listener {protocol} {{
    port = {port}
  }}
  inet_listener {protocol}s {{
    port = {tls_port}
    ssl = yes
  }}
}}
"""
        for protocol, port, tls_port in (("imap", ports.imap, ports.imaps), ("pop3", ports.pop3, ports.pop3s))
    ) + ("service anvil {\n  unix_listener anvil-auth-penalty {\n    mode = 0\n  }\n}\n")


def _unprivileged(user: pwd.struct_passwd) -> str:
    # Only root may change root directory or user, so all processes stay what they are.
    return f"""\
default_internal_user = {user.pw_name}
default_internal_group = {grp.getgrgid(user.pw_gid).gr_name}
default_login_user = {user.pw_name}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
}}
service imap-urlauth-login {{
  chroot =
}}
service pop3-login {{
  chroot =
}}
service auth-worker {{
  user = {user.pw_name}
}}
"""


def _quota(kilobytes: int | None) -> str:
    if kilobytes is None:
        return ""
    return f"""\
mail_plugins = quota
plugin {{
  quota = maildir:User quota
  quota_rule = *:storage={kilobytes}K
}}
"""
