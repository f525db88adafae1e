"""A private Dovecot 2.3: its own configuration, folders and loopback ports, as root or as an ordinary user."""

import atexit
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from tui.demo.certificates import ServerCertificate
from tui.demo.dovecot_config import DovecotOptions, DovecotPorts, configuration
from tui.demo.ports import free_ports

READY_WITHIN = 60.0
"""Seconds until a starting server is given up; it takes about 0.2."""


class DovecotFailed(Exception):
    """Dovecot did not start; the text is the end of its log."""


def find_dovecot() -> str | None:
    """Where the Dovecot program is, or None when it is not installed."""
    return shutil.which("dovecot", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")


class Dovecot:
    """One private server with IMAP, IMAPS, POP3 and POP3S (the plain ports offer STARTTLS and STLS)."""

    def __init__(
        self, certificate: ServerCertificate, users: Mapping[str, str], options: DovecotOptions | None = None
    ) -> None:
        self.certificate = certificate
        self.options = options or DovecotOptions()
        # Dovecot takes a client at its own address for secure; where it must insist on TLS it listens on another one.
        self.host = "127.0.0.1" if self.options.plaintext_login else "127.0.0.2"
        self.ports = DovecotPorts(*free_ports(self.host, 4))
        # Not below pytest's folders: a path to a Unix socket has at most 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="dovecot-"))
        self.passwords: dict[str, str] = {}
        self._mail_user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        self._lay_out()
        for user, password in users.items():
            self.add_user(user, password)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def add_user(self, user: str, password: str) -> None:
        """Let `user` log in from now on; the server may be running. Dovecot folds names to lower case."""
        if user != user.lower() or "/" in user:
            raise ValueError(f"a user name in lower case without a slash is needed, not {user!r}")
        path = self.folder / "passwords" / user
        path.write_text(f"{user}:{{PLAIN}}{password}::::::\n")
        path.chmod(0o644)
        self.passwords[user] = password

    def start(self) -> None:
        """Start with the `ports` and `options` as they are now, and wait until it greets."""
        program = find_dovecot()
        if program is None:
            raise DovecotFailed("Dovecot is not installed: apt-get install dovecot-imapd dovecot-pop3d")
        self._write_configuration()
        with (self.folder / "complaints").open("wb") as complaints:
            # A session of its own: Ctrl+C in our terminal is not meant for it, and it can be ended as a whole.
            self._process = subprocess.Popen(
                [program, "-F", "-c", self.folder / "dovecot.conf"],
                stdin=subprocess.DEVNULL,
                stderr=complaints,
                start_new_session=True,
            )
        atexit.register(self.close)
        self._wait_until_ready(self._process, time.monotonic() + READY_WITHIN)

    def stop(self) -> None:
        """End this server in order; Dovecot takes a second for it."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """End all its processes at once, as a crash does; what was delivered stays."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)
        self._process = None

    def close(self) -> None:
        """End it, and remove all that was kept."""
        atexit.unregister(self.close)
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def deliver(self, user: str, messages: Iterable[bytes], folder: str = "INBOX") -> int:
        """Put messages into a folder as a delivery agent does, in this order; gives back how many."""
        maildir = self.maildir(user, folder)
        self._make_maildir(maildir)
        delivered = 0
        for raw in messages:
            # S and W (sizes as stored and as served) spare Dovecot to open the file for RFC822.SIZE.
            lines_without_cr = raw.count(b"\n") - raw.count(b"\r\n")
            number = next(self._numbers)
            name = f"{int(time.time())}.M{number:09d}P{os.getpid()}.demo,S={len(raw)},W={len(raw) + lines_without_cr}"
            temporary = maildir / "tmp" / name
            temporary.write_bytes(raw)
            self._give_to_mail_user(temporary)
            temporary.rename(maildir / "new" / name)
            delivered += 1
        return delivered

    def maildir(self, user: str, folder: str = "INBOX") -> Path:
        """The Maildir that holds this folder."""
        root = self.folder / "mail" / user / "Maildir"
        if folder.upper() == "INBOX":
            return root
        return root / ("." + folder.replace("/", "."))

    def log(self) -> str:
        """What Dovecot has written to its log."""
        path = self.folder / "dovecot.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _lay_out(self) -> None:
        self.folder.chmod(0o755)
        for name in ("run", "state", "passwords", "mail"):
            (self.folder / name).mkdir(mode=0o755)
        self._give_to_mail_user(self.folder / "mail")

    def _write_configuration(self) -> None:
        text = configuration(
            self.folder, self.host, self.ports, self.certificate, mail_user=self._mail_user, options=self.options
        )
        (self.folder / "dovecot.conf").write_text(text)

    def _make_maildir(self, maildir: Path) -> None:
        home = self.folder / "mail"
        below = [home / Path(*maildir.relative_to(home).parts[:depth]) for depth in range(1, 4)]
        for path in (*below, maildir, maildir / "cur", maildir / "new", maildir / "tmp"):
            if not path.exists():
                path.mkdir(mode=0o700)
                self._give_to_mail_user(path)

    def _give_to_mail_user(self, path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, self._mail_user.pw_uid, self._mail_user.pw_gid)

    def _wait_until_ready(self, process: "subprocess.Popen[bytes]", deadline: float) -> None:
        while not self._is_ready(process):
            if process.poll() is not None or time.monotonic() > deadline:
                complaint = (self.folder / "complaints").read_text(errors="replace")
                self.kill()
                raise DovecotFailed(f"Dovecot did not start: {complaint}{self.log()[-2000:]}")
            time.sleep(0.01)

    def _is_ready(self, process: "subprocess.Popen[bytes]") -> bool:
        # It writes its pid when it has all its ports: whoever greets then is no other server.
        written = self.folder / "run" / "master.pid"
        is_listening = written.exists() and written.read_text().strip() == str(process.pid)
        return is_listening and all(greets(self.host, port) for port in (self.ports.imap, self.ports.pop3))


def greets(host: str, port: int) -> bool:
    """Whether a mail server answers on this port with a line."""
    try:
        with socket.create_connection((host, port), timeout=5) as connection:
            return bool(connection.recv(1))
    except OSError:
        return False
