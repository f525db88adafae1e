"""The flags of `postroom send`: ours, and those of sendmail that scripts use.

What Postfix's sendmail(1), msmtp and esmtp take is taken here: what has a meaning for us is done, what is a matter of
their own queues and files is read and left alone, what would be a lie is refused.
"""

from __future__ import annotations

import argparse
from typing import NoReturn

from core.errors import Misuse

_MODES = {
    "m": "",
    "a": "",
    "s": "",
    "d": "-bd (a daemon) is `postroom --worker` here.",
    "D": "-bD (a daemon) is `postroom --worker` here.",
    "l": "-bl (a daemon) is `postroom --worker` here.",
    "p": "-bp (the mail queue) is `postroom list outbox` here.",
    "i": "-bi (rebuild aliases) has nothing to do here: /etc/aliases is read as it is.",
    "v": "-bv (verify addresses) is not offered; see `postroom route`.",
    "t": "-bt (test addresses) is not offered; see `postroom route`.",
    "h": "-bh (host status) is not offered; see `postroom list mailbox`.",
    "H": "-bH (purge host status) is not offered; see `postroom list mailbox`.",
}

HELP = """\
Usage: postroom send [OPTIONS] [RCPT…]   (also as `sendmail`)

Takes a message on stdin, durably, and prints its Message-ID. A worker, or `postroom deliver`, sends it.

  -t              take recipients from To, Cc and Bcc, beside those named; Bcc never leaves
  -i, -oi         a line with a dot alone does not end the message
  -f, -r SENDER   the envelope sender; '' or '<>' for none
  -F NAME         the name in From, if the message has no From
  -N WHEN         never: nobody is told when it fails; else the sender is
  -V ID, -R WHAT, -B TYPE, -o…, -O…, -bm, -v, -m, -n, -G, -U, -e, -h, -L, -A, -C, -p, -X
                  taken as sendmail takes them, without effect here
  -bs             speak SMTP on stdin and stdout
  --mailbox NAME  send through this mailbox
  --lane LANE     urgent, normal (default) or bulk
  --expires TIME  not sent later than this: 10m, or a time
  --at TIME       not sent before: 10m, or a time (2027-01-31T08:00)
  --key KEY       the same key again is the same message: taken once

A recipient without @ is a user of this machine: /etc/aliases says who that is, else it is name@ this machine.
Ends with 0 when the message is taken; 64 a wrong flag, 65 a bad address or header, 75 it cannot be stored now.
"""

_WITH_VALUE = "VBhLOpRXAC"
_WITHOUT_VALUE = "vmnGU"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Misuse(f"{message[:1].upper()}{message[1:]}. See `postroom send --help`.")


class _Formatter(argparse.HelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=100)


def asks_for_help(words: list[str]) -> bool:
    """Whether `--help` stands among the flags."""
    return "--help" in _parted(words)[0]


def read_flags(words: list[str]) -> argparse.Namespace:
    """Read the command line of one message.

    Raises:
        Misuse: a flag is unknown, lacks its value, or asks for what is not offered.
    """
    words, recipients = _parted(words)
    flags = _parser().parse_intermixed_args(words)
    flags.recipients += recipients
    if complaint := _MODES.get(flags.mode[:1] or "m", f"-b{flags.mode} is not a mode this program knows."):
        raise Misuse(complaint)
    if flags.rebuilds_aliases:
        raise Misuse(_MODES["i"])
    if flags.queue_run is not None:
        raise Misuse("-q (run the queue) is `postroom deliver` here.")
    flags.ignore_dots = flags.ignore_dots or "i" in flags.options
    return flags


def _parted(words: list[str]) -> tuple[list[str], list[str]]:
    """What may be flags, and what stands behind `--`: recipients, whatever they look like.

    The parser of Python 3.11 takes flags there all the same. Who writes `sendmail -i -- "$address"` does so because a
    stranger gave that address: `-t` or `--drop=/tmp/x` must not be heeded.
    """
    end = words.index("--") if "--" in words else len(words)
    return words[:end], words[end + 1 :]


def _parser() -> _Parser:
    # A usage and a width of its own: else the parser makes one up and measures the terminal, for each flag anew.
    parser = _Parser(
        prog="postroom send", usage="postroom send", add_help=False, allow_abbrev=False, formatter_class=_Formatter
    )
    add = parser.add_argument
    add("recipients", nargs="*", metavar="RCPT")
    add("-t", dest="from_headers", action="store_true")
    add("-i", dest="ignore_dots", action="store_true")
    add("-f", "-r", dest="sender", default=None)
    add("-F", dest="name", default="")
    add("-N", dest="notify", default="")
    add("-b", dest="mode", default="m")
    add("-o", dest="options", action="append", default=[])
    add("-q", dest="queue_run", nargs="?", const="", default=None)
    add("-I", dest="rebuilds_aliases", action="store_true")
    for flag in _WITH_VALUE:
        add(f"-{flag}", dest=f"unused_{flag}", default="")
    for flag in _WITHOUT_VALUE:
        add(f"-{flag}", dest=f"unused_{flag}", action="store_true")
    add("-e", dest="unused_e", default="")
    for option in ("mailbox", "lane", "expires", "at", "key"):
        add(f"--{option}", default=None)
    for option in ("home", "database-url", "drop", "key-file"):
        add(f"--{option}", default=None)
    for option in ("quiet", "debug", "json"):
        add(f"--{option}", action="store_true")
    return parser
