"""The tables, one resource a file; no behaviour beyond validation."""

from core.models.account import Account, AccountStatus, AccountType, AfterFetch, FolderMark, Leftover, Status, Validity
from core.models.address import SystemAddress
from core.models.base import Resource, UtcDateTime, metadata
from core.models.filter import Filter
from core.models.handoff import Delivery, DeliveryEvent, DeliveryState, Handoff, HandoffStatus
from core.models.mailbox import Mailbox, MailboxStatus
from core.models.message import Message, MessageState, OriginalMessage, Quarantine, RawMessage, Suspect
from core.models.outgoing import Attempt, Lane, OutgoingMessage, OutgoingRaw, OutgoingState, Recipient
from core.models.profile import Profile
from core.models.queue import ClosedOption, Queue
from core.models.record import Record
from core.models.request import Request, RequestEvent, RequestState
from core.models.run import EVENT_LEVELS, EventLevel, Run, RunEvent, RunState
from core.models.suppression import Suppression
from core.models.system import WORKER_ALIVE_FOR, Alert, Audit, Changed, Counter, Secret, Setting, Worker
from core.models.template import Template
from core.models.token import Token

__all__ = [
    "EVENT_LEVELS", "WORKER_ALIVE_FOR",
    "Account", "AccountStatus", "AccountType", "AfterFetch", "Alert", "Attempt", "Audit", "Changed", "ClosedOption",
    "Counter", "Delivery", "DeliveryEvent", "DeliveryState", "EventLevel", "Filter", "FolderMark", "Handoff",
    "HandoffStatus", "Lane", "Leftover", "Mailbox", "MailboxStatus", "Message", "MessageState", "OriginalMessage",
    "OutgoingMessage", "OutgoingRaw", "OutgoingState", "Profile", "Quarantine", "Queue", "RawMessage", "Recipient",
    "Record", "Request", "RequestEvent", "RequestState", "Resource", "Run", "RunEvent", "RunState", "Secret", "Setting",
    "Status", "Suppression", "Suspect", "SystemAddress", "Template", "Token", "UtcDateTime", "Validity", "Worker",
    "metadata",
]  # fmt: skip
