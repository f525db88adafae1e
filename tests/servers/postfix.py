"""A private Postfix: a relay with a real queue, in a folder of its own, on loopback ports. It needs root, as all of it.

What it takes for `example.net` and elsewhere goes on to a sink that tests can teach to refuse; what it takes for
`in.example` it puts into the mailboxes of a private Dovecot, which also checks its logins. So a bounce that Postfix
writes by itself comes back into a mailbox that can be fetched.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers.dovecot import DovecotServer
from tests.servers.smtp import RuledSink
from tui.demo.certificates import ServerCertificate
from tui.demo.dovecot import greets
from tui.demo.dovecot_config import DovecotOptions
from tui.demo.ports import free_ports

DAEMONS = Path("/usr/lib/postfix/sbin")
READY_WITHIN = 60.0
SIZE_LIMIT = 200_000
MAIL_DOMAIN = "in.example"
"""Whose mail ends in Dovecot's mailboxes."""
FROM_ELSEWHERE = "example.net"

_MAILBOXES = 500

_QUEUE = (
    "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace",
    "maildrop", "public",
)  # fmt: skip


class PostfixServer:
    """One private Postfix with its Dovecot and the sink behind it."""

    def __init__(self, certificate: ServerCertificate, mechanisms: str = "plain login") -> None:
        assert os.geteuid() == 0, "Postfix runs as root alone: run the tests as root"
        assert (DAEMONS / "master").exists(), "Postfix is not installed: apt-get install postfix"
        self.host = "127.0.0.1"
        self.port, self.submission_port, self._auth_port = free_ports(self.host, 3)
        self.certificate = certificate
        self.sink = RuledSink()
        auth = (
            f"auth_mechanisms = {mechanisms}\n"
            f"service auth {{\n  inet_listener {{\n    address = {self.host}\n    port = {self._auth_port}\n  }}\n}}\n"
        )
        self.dovecot = DovecotServer(certificate, users={}, options=DovecotOptions(extra=auth))
        self.folder = Path(tempfile.mkdtemp(prefix="postfix-"))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.sink.start()
        self.dovecot.start()
        self._lay_out()
        (self.folder / "main.cf").write_text(self._main())
        (self.folder / "master.cf").write_text(self._master())
        # All that a session will ask for: Postfix reads them once.
        mailboxes = (f"mailbox{number}@{MAIL_DOMAIN} mailbox{number}/Maildir/\n" for number in range(1, _MAILBOXES))
        (self.folder / "mailboxes").write_text("".join(mailboxes))
        with (self.folder / "complaints").open("wb") as complaints:
            self._process = subprocess.Popen(  # it makes a session of its own
                [DAEMONS / "master", "-c", self.folder, "-d"],
                env={"MAIL_CONFIG": str(self.folder), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                stdin=subprocess.DEVNULL,
                stderr=complaints,
            )
        self._wait_until_ready()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process is not None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
        self.dovecot.close()
        self.sink.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def fresh_mailbox(self) -> tuple[str, str]:
        """A user of Dovecot and the address whose mail lands there."""
        user = self.dovecot.fresh_user("mailbox")
        self.dovecot.deliver(user, [])  # its folders are Dovecot's user's, not root's
        return user, f"{user}@{MAIL_DOMAIN}"

    def log(self) -> str:
        """What Postfix has written to its log."""
        path = self.folder / "mail.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def flush(self) -> None:
        """Try all that is deferred now."""
        subprocess.run(["/usr/sbin/postqueue", "-c", self.folder, "-f"], check=True, timeout=20)

    def _lay_out(self) -> None:
        self.folder.chmod(0o755)
        owner = pwd.getpwnam("postfix")
        for path in (self.folder / "queue", self.folder / "queue" / "pid", self.folder / "data"):
            path.mkdir(mode=0o755)
        os.chown(self.folder / "data", owner.pw_uid, owner.pw_gid)
        for name in _QUEUE:
            path = self.folder / "queue" / name
            path.mkdir(mode=0o755)
            os.chown(path, owner.pw_uid, owner.pw_gid)
        (self.folder / "queue" / "pid").chmod(0o755)

    def _main(self) -> str:
        nobody = pwd.getpwnam("nobody")
        return f"""\
compatibility_level = 3.6
queue_directory = {self.folder}/queue
data_directory = {self.folder}/data
daemon_directory = {DAEMONS}
command_directory = /usr/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {self.folder}/mail.log
maillog_file_prefixes = {self.folder}
inet_interfaces = {self.host}
inet_protocols = ipv4
myhostname = relay.example.com
mydestination =
mynetworks = 127.0.0.0/8
smtputf8_enable = yes
message_size_limit = {SIZE_LIMIT}
smtpd_tls_chain_files = {self.certificate.key}, {self.certificate.chain}
smtpd_tls_security_level = may
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:{self.host}:{self._auth_port}
smtpd_recipient_limit = 50
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_sender_restrictions = check_sender_access inline:{{ stranger@example.org=REJECT }}
smtpd_recipient_restrictions = check_recipient_access inline:{{
 {{ grey@{FROM_ELSEWHERE} = 450 4.2.0 Greylisted, see http://postgrey.example }}
 {{ gone@{FROM_ELSEWHERE} = 550 5.1.1 No such user here }}
 {{ rude@{FROM_ELSEWHERE} = 521 5.7.1 We do not talk about this one }} }}
smtpd_end_of_data_restrictions = check_recipient_access inline:{{
 {{ late@{FROM_ELSEWHERE} = 550 5.7.1 Not that }} }}
relayhost = [{self.host}]:{self.sink.port}
virtual_mailbox_domains = {MAIL_DOMAIN}
virtual_mailbox_base = {self.dovecot.folder}/mail
virtual_mailbox_maps = texthash:{self.folder}/mailboxes
recipient_delimiter = +
virtual_uid_maps = static:{nobody.pw_uid}
virtual_gid_maps = static:{nobody.pw_gid}
virtual_minimum_uid = 1
in_flow_delay = 0s
minimal_backoff_time = 1s
smtp_connect_timeout = 5s
"""

    def _master(self) -> str:
        internal = """\
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
tlsmgr unix - - n 1000? 1 tlsmgr
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
showq unix n - n - - showq
postlog unix-dgram n - n - 1 postlogd
"""
        return f"""\
{self.host}:{self.port} inet n - n - - smtpd
{self.host}:{self.submission_port} inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
{internal}"""

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + READY_WITHIN
        while not (greets(self.host, self.port) and greets(self.host, self.submission_port)):
            complaints = (self.folder / "complaints").read_text(errors="replace")
            assert self._process.poll() is None, f"Postfix ended: {complaints}{self.log()}"
            assert time.monotonic() < deadline, f"Postfix does not greet: {complaints}{self.log()}"
            time.sleep(0.01)
