"""What the service manager that started us is told: systemd's protocol, one datagram a message (sd_notify(3)).

Twelve lines on a socket in place of a library: the protocol is promised to stay, and the units need nothing installed.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

PATIENCE = 2.0
"""Seconds until a service manager that does not read is left alone."""

_log = logging.getLogger("postroom.service")


@dataclass(frozen=True)
class ServiceManager:
    """Who started this process and wants to know how it does."""

    address: str = ""
    """Its socket: a path, or an abstract name after `@`; empty: nobody wants to know."""
    watchdog: float | None = None
    """Seconds without `WATCHDOG=1` after which it takes the process for stuck and ends it; `None`: never."""

    def tell(self, *assignments: str) -> None:
        """Send assignments like `READY=1` in one message. That it cannot be told is no reason to stop working."""
        if not self.address:
            return
        name = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.settimeout(PATIENCE)
                channel.sendto("\n".join(assignments).encode(), name)
        except OSError as error:
            _log.warning("the service manager at %s cannot be told: %s", self.address, error)


def service_manager(variables: Mapping[str, str] | None = None) -> ServiceManager:
    """Who asks to be told, by `$NOTIFY_SOCKET`, `$WATCHDOG_USEC` and `$WATCHDOG_PID` (sd_watchdog_enabled(3))."""
    variables = os.environ if variables is None else variables
    microseconds = variables.get("WATCHDOG_USEC", "")
    # The variables may be inherited from a service whose process we are not.
    is_meant = variables.get("WATCHDOG_PID") in {None, "", str(os.getpid())}
    watchdog = int(microseconds) / 1e6 if is_meant and microseconds.isdecimal() and int(microseconds) else None
    return ServiceManager(variables.get("NOTIFY_SOCKET", ""), watchdog)
