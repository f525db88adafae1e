"""What a person is told who signs in from the command line: address and code, a QR code, and how long there is."""

from __future__ import annotations

import os
import sys
import threading
from datetime import datetime
from types import TracebackType

from core import clock
from core.oauth.waiting import Prompt
from core.text import safe_text
from tui import qr_code
from tui.cli.told.output import line_width, say, write_json, write_line
from tui.cli.words.options import Invocation

_INK = ("\x1b[30;107m", "\x1b[0m")
"""Black on white, whatever the terminal's own colours: what cameras like best."""


class SignInPrompt:
    """Address and code go to stdout; the picture and the countdown to stderr, where there is a terminal."""

    def __init__(self, invocation: Invocation, *, ascii_only: bool = False) -> None:
        self._invocation = invocation
        self._ascii = ascii_only
        self._is_seen = sys.stderr.isatty() and not invocation.quiet and not invocation.json
        self._ends: datetime | None = None
        self._never = threading.Event()

    def __enter__(self) -> SignInPrompt:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._wipe()

    def show_code(self, whose: str, prompt: Prompt) -> None:
        """The code, and where it is entered."""
        self._ends = prompt.expires_at
        if self._invocation.json:
            told = {"address": prompt.address, "code": prompt.code, "link": prompt.link}
            write_json({"event": "prompt", **told, "expires_at": prompt.expires_at})
        else:
            say(self._invocation, f"To sign in for {whose}, open this on any screen and enter the code:")
            write_line(prompt.address)
            write_line(prompt.code)
        sys.stdout.flush()
        self._draw(prompt.link)

    def show_address(self, whose: str, url: str, ends: datetime) -> None:
        """The address that a browser is to open."""
        self._ends = ends
        if self._invocation.json:
            write_json({"event": "prompt", "url": url, "expires_at": ends})
        else:
            say(self._invocation, f"To sign in for {whose}, open this in a browser:")
            write_line(url)
        sys.stdout.flush()

    def pause(self, seconds: float) -> bool:
        """Wait, counting down; interrupting it ends everything."""
        until = clock.monotonic() + seconds
        while (left := until - clock.monotonic()) > 0:
            self.count_down()
            self._never.wait(min(left, 1.0))
        return True

    def count_down(self) -> None:
        """Show how long there is."""
        if self._is_seen and self._ends is not None:
            left = max(0, int((self._ends - clock.utcnow()).total_seconds()))
            sys.stderr.write(f"\r\x1b[KWaiting, {left // 60}:{left % 60:02} left; ctrl+c gives up ")
            sys.stderr.flush()

    def ask(self, text: str) -> None:
        """Put a question on stderr."""
        if not self._invocation.quiet:
            sys.stderr.write(safe_text(text))
            sys.stderr.flush()

    def _draw(self, link: str) -> None:
        if not self._is_seen:
            return
        has_colour = not os.environ.get("NO_COLOR")
        if self._ascii:
            lines = qr_code.in_ascii(link, dark_is_ink=has_colour)
        else:
            lines = qr_code.in_half_blocks(link, dark_is_ink=has_colour)
        if line_width() and len(lines[0]) > line_width():
            return  # a broken picture helps nobody
        before, after = _INK if has_colour else ("", "")
        sys.stderr.write("".join(f"{before}{line}{after}\n" for line in lines))
        sys.stderr.flush()

    def _wipe(self) -> None:
        if self._is_seen:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def pasted(prompt: SignInPrompt) -> str:
    """The address that the browser ended at, from stdin."""
    prompt.ask("Sign in there. The browser ends at an address of http://localhost that it cannot show. Paste it here: ")
    if sys.stdin.isatty():
        # A terminal's own lines end at 4,096 characters; these addresses can be longer.
        import readline  # noqa: F401

        return input().strip()
    return sys.stdin.readline().strip()
