"""Messages that go through the chain of decisions, and what is known when they do."""

from dataclasses import replace
from datetime import UTC, datetime

from core.inbound.control_values import AllowedValues, ControlValues
from core.inbound.decisions.facts import MessageFacts, Rules
from core.inbound.decisions.filters import CompiledFilter, compile_filter
from core.inbound.decisions.known import Known
from core.inbound.decisions.loop_guard import LoopRule
from core.inbound.decisions.placement import KnownRecord, Placement
from core.inbound.decisions.verdict import judge, settle
from core.mail.summary import summarise

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
N1, N2, N3 = "2026030110000001", "2026030110000002", "2026030110000003"

RULES = Rules(
    default_queue="Raw",
    queues={"Raw": "possible", "Support": "possible", "Strict": "reject", "Fresh": "new"},
    addresses={"help@example.org": "Support"},
    values=ControlValues(AllowedValues()),
    loop=LoopRule(host_marks=frozenset({"host-1"}), own_addresses=frozenset({"help@example.org"})),
)


def mail(
    subject: str = "hello",
    *more: str,
    sender: str = "ann@x.example",
    to: str = "help@example.org",
    message_id: str = "<1@x>",
    at: datetime = NOW,
    **facts: object,
) -> MessageFacts:
    lines = [f"From: {sender}", f"To: {to}", f"Subject: {subject}", f"Message-ID: {message_id}", *more]
    headers, summary = summarise("\r\n".join([*lines, "", "body"]).encode())
    return MessageFacts(headers, summary, at)._replace(**facts)


def place(facts: MessageFacts, known: Known | None = None, **rules: object) -> Placement:
    return settle(judge(facts, replace(RULES, **rules)), known or Known())


def rule(name: str, header: str, expression: str, *, stop: bool = False, **settings: str) -> CompiledFilter:
    values = {f"X-OTOBO-{key.replace('_', '-')}": value for key, value in settings.items()}
    return compile_filter(name, stop=stop, match=[{"header": header, "regex": expression}], settings=values)


def stages(placement: Placement) -> list[str]:
    return [step.stage for step in placement.trail]


def known_record(state: str = "open", queue: str = "Support") -> Known:
    return Known([KnownRecord(N1, queue, state, id=7)], message_ids={"<old@x>": N1})
