"""What the chain of decisions is given: the message, and the rules of its account."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from core.inbound.control_values import AllowedValues, ControlValues
from core.inbound.decisions.dispatch import DispatchMode
from core.inbound.decisions.filters import CompiledFilter
from core.inbound.decisions.loop_guard import LoopRule
from core.inbound.record_types import SHIPPED_HOOKS, RecordType
from core.inbound.record_types.ticket import Ticket
from core.mail.bounces import BouncedRecipient
from core.mail.headers import Headers
from core.mail.summary import Summary


def _nothing() -> str:
    return ""


def _none() -> int:
    return 0


def _no_texts() -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True)
class Bounce:
    """What is reported of a message that could not be delivered (RFC 3464, or in a server's own words)."""

    original_message_id: str
    recipients: tuple[str, ...] = ()
    is_permanent: bool = True
    """Whether some recipient can never be reached."""
    envelope_id: str = ""
    """What the message was sent under (RFC 3461), if the report says so."""
    outcomes: tuple[BouncedRecipient, ...] = ()
    """Each of the recipients with its status; who is only delayed may still be reached."""


class MessageFacts(NamedTuple):
    """A message as the chain sees it; what is dear is worked out only when it is asked for."""

    headers: Headers
    """As they came, control headers and all."""
    summary: Summary
    received_at: datetime
    body: Callable[[], str] = _nothing
    """The decoded text, HTML converted."""
    attachment_count: Callable[[], int] = _none
    attachment_texts: Callable[[], Iterable[str]] = _no_texts
    folder: str = ""
    sha256: str = ""
    bounce: Bounce | None = None
    """What it reports, if it is a bounce."""


@dataclass(frozen=True)
class Rules:
    """All that decides about an account's messages, made ready once for many."""

    default_queue: str
    queues: Mapping[str, str]
    """The valid queues, each with its option for closed records: possible, reject, new."""
    addresses: Mapping[str, str] = field(default_factory=dict)
    """Valid system addresses in lower case, each with its queue."""
    trusted: bool = False
    mode: DispatchMode | str = DispatchMode.TO
    account_queue: str | None = None
    plus_addressing: bool = False
    use_x_envelope_to: bool = False
    filters: tuple[CompiledFilter, ...] = ()
    """In their order (`filters.in_order`)."""
    values: ControlValues = ControlValues(AllowedValues())  # noqa: RUF009
    record_type: RecordType = Ticket()  # noqa: RUF009
    system_id: int = 10
    hooks: tuple[str, ...] = SHIPPED_HOOKS
    followup_in_body: bool = False
    followup_in_attachments: bool = False
    loop: LoopRule = LoopRule()  # noqa: RUF009
    return_secret: bytes | None = None
    """What the tokens in return paths are reckoned with; `None`: there are none."""
