"""Why a mailbox cannot send at all, told from what went wrong on the way to its relay."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.errors import ConfigurationError, LoginRefused, PostroomError, SmtpRefused, WireError
from core.models import OutgoingState
from core.outbound.route import Route
from core.outbound.sending.job import Job
from core.outbox.settle import TryMade

_CODE = re.compile(r"([2-5]\d\d)(?: ([245]\.\d{1,3}\.\d{1,3}))?\b")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a mailbox cannot send at all."""

    text: str
    phase: str
    host: str = ""
    reply_code: int | None = None
    enhanced_code: str = ""
    is_configuration: bool = False
    """Whether a person must change something: a wrong password, a certificate."""
    ms: float = 0.0
    """How long it took to find out."""

    @classmethod
    def of(cls, error: PostroomError, ms: float = 0.0) -> Fault:
        """What an error on the way to the relay means, and after how many milliseconds it came."""
        wire = error if isinstance(error, WireError) else None
        code, enhanced = _reply_in(error)
        return cls(
            text=str(error),
            phase=wire.phase or "connect" if wire is not None else "login",
            host=wire.host if wire is not None else "",
            reply_code=code,
            enhanced_code=enhanced,
            is_configuration=isinstance(error, ConfigurationError | LoginRefused) or error.exit_code == 78,
            ms=ms,
        )

    def as_try(self, job: Job, route: Route, now: datetime) -> TryMade:
        """How it stands in a message's history."""
        return TryMade(
            number=job.number,
            mailbox_id=route.mailbox_id,
            mailbox=route.name,
            host=self.host,
            phase=self.phase,
            outcome=OutgoingState.DEFERRED,
            started_at=now - timedelta(milliseconds=self.ms),
            ms=self.ms,
            reply_code=self.reply_code,
            enhanced_code=self.enhanced_code,
            text=self.text,
        )


def _reply_in(error: PostroomError) -> tuple[int | None, str]:
    """The code of the reply that an error is about, and its enhanced code; `None` when there was no reply."""
    if isinstance(error, SmtpRefused):
        return error.code, error.enhanced
    said = _CODE.match(error.reply) if isinstance(error, LoginRefused) else None
    return (int(said[1]), said[2] or "") if said else (None, "")
