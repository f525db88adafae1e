"""The whole chain of decisions about one message, in two halves.

`judge` goes as far as is possible without the database: trust, bounce, filters, ignore; it also works out what the
second half may need, so that no expression and no plug-in runs under the write lock. `settle` is one step of the fold
inside the transaction: loop guard, follow-up, dispatch. Between the two stands only what was looked up, as `Known`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from core.inbound import control_headers
from core.inbound.control_headers import NO_CONTROLS, Controls
from core.inbound.decisions.changes import REOPENED, changes_of
from core.inbound.decisions.dispatch import Dispatched, dispatch
from core.inbound.decisions.facts import Bounce, MessageFacts, Rules
from core.inbound.decisions.filters import run_filters
from core.inbound.decisions.followup import FollowUp, candidates, choose
from core.inbound.decisions.known import Copy, Known
from core.inbound.decisions.loop_guard import MARK, comes_from_us, guard
from core.inbound.decisions.placement import Ending, KnownRecord, Placement, Verdict
from core.inbound.record_types import MessageView, RecordDraft
from core.inbound.trail import Complaint, Stage, Step
from core.mail.headers import Headers
from core.outbox.probe_mark import ALERT, ALERT_HEADER, HEADER, PROBE, is_mark
from core.outbox.return_token import outgoing_id_in
from core.text import counted

_ADDRESSED = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "to")
"""Where the address stands that a report was sent to."""

_UNTRUSTED = Step(Stage.TRUST, "untrusted", "no control headers")
_TRUSTED = Step(Stage.TRUST, "trusted", "no control headers")
_NO_BOUNCE = Step(Stage.BOUNCE, "", "not a report")
_IS_BOUNCE = Step(Stage.BOUNCE, "report", "it reports a message that could not be delivered")
_NO_FILTERS = Step(Stage.FILTERS, "", "no filter matched")
_NOT_IGNORED = Step(Stage.IGNORE, "", "not asked for")
_IGNORED = Step(Stage.IGNORE, "Ignore", "a control header or filter says that it makes no record")
_IS_PROBE = Step(Stage.IGNORE, "round trip", "a probe of ours, sent to see whether mail arrives here")
_IS_ALERT = Step(Stage.IGNORE, "alert", "mail of ours about alerts: postroom list alert")
_NO_LOOP = Step(Stage.LOOP_GUARD, "", "within its limits")
_NO_LOOKUP = Step(Stage.FOLLOW_UP, "", "no record number, answers nothing")
_NOT_KNOWN = Step(Stage.FOLLOW_UP, "", "what it names or answers is on no record")


class _Trusted(NamedTuple):
    """A message's header once it is settled whether its own control headers count."""

    headers: Headers
    controls: Controls
    step: Step
    complaints: tuple[Complaint, ...] = ()


def judge(facts: MessageFacts, rules: Rules) -> Verdict:
    """Decide what can be decided without the database."""
    trusted = _trust(facts.headers, rules)
    sender = facts.summary.from_address.lower()
    own = comes_from_us(sender, facts.headers.raw_all(MARK), rules.loop)
    if (step := _marked(facts.headers, rules)) is not None:
        trail = (trusted.step, step)
        return Verdict(facts, rules, sender, own, trail, trusted.complaints, ending=Ending.IGNORED)
    if facts.bounce is not None:
        trail = (trusted.step, _IS_BOUNCE)
        about = _returned_id(facts.headers, facts.bounce, rules)
        return Verdict(facts, rules, sender, own, trail, trusted.complaints, ending=Ending.BOUNCE, returned_id=about)
    return _filtered(facts, rules, sender, own, trusted)


def _marked(headers: Headers, rules: Rules) -> Step | None:
    """Mail of this installation to itself, which makes no record and needs nobody."""
    if is_mark(rules.return_secret, headers.raw(HEADER), PROBE):
        return _IS_PROBE
    return _IS_ALERT if is_mark(rules.return_secret, headers.raw(ALERT_HEADER), ALERT) else None


def _filtered(facts: MessageFacts, rules: Rules, sender: str, own: str | None, trusted: _Trusted) -> Verdict:
    """Of ordinary mail: what the filters and control headers say, and what `settle` may need."""
    headers, controls, trust, complaints = trusted
    steps: tuple[Step, ...] = (_NO_FILTERS,)
    if rules.filters:
        filtered = run_filters(rules.filters, headers, facts.body, controls, extra=_countable(facts))
        controls = controls.updated(filtered.set)
        complaints += filtered.complaints
        steps = filtered.steps or steps
    if controls:
        controls, unknown = rules.values.checked(controls)
        complaints += unknown
    if controls.says("Ignore"):
        trail = (trust, _NO_BOUNCE, *steps, _IGNORED)
        return Verdict(facts, rules, sender, own, trail, complaints, ending=Ending.IGNORED, controls=controls)
    draft = _drafted(facts, headers, controls, rules)
    return Verdict(
        facts,
        rules,
        sender,
        own,
        trail=(trust, _NO_BOUNCE, *steps, _NOT_IGNORED),
        complaints=complaints,
        controls=controls,
        candidates=candidates(
            facts.summary.subject, facts.summary.references, rules.system_id, rules.hooks, late_text=_late(facts, rules)
        ),
        dispatched=_dispatch(headers, controls, rules),
        draft=draft,
    )


def settle(verdict: Verdict, known: Known) -> Placement:
    """Decide the rest, with what the database and this batch know; the caller then tells `known.note`."""
    if verdict.ending is Ending.BOUNCE:
        return _bounced(verdict, known)
    if verdict.ending is not None:
        return Placement(verdict, verdict.ending, verdict.trail, verdict.complaints)
    facts = verdict.facts
    if copy := known.copy_in_another_folder(facts.sha256, facts.summary.message_id, facts.folder):
        return _copied(verdict, known, copy)
    answered = _returned_to(verdict, known)
    return (
        _stopped(verdict, known, is_returned=answered is not None)
        or (_returned(verdict, answered) if answered is not None else None)
        or _followed_up(verdict, known)
    )


def _returned_to(verdict: Verdict, known: Known) -> KnownRecord | None:
    """The record that we answered with just this message, if it is ours: a list or a redirection sent it back."""
    sent = known.sent(None, verdict.facts.summary.message_id) if verdict.own is not None else None
    return known.records.get(sent.number) if sent is not None and sent.number is not None else None


def _returned(verdict: Verdict, record: KnownRecord) -> Placement:
    """Nobody has answered: it opens nothing, and makes no record of what a record has said."""
    step = Step(Stage.FOLLOW_UP, "our answer", f"our own answer came back to record {record.number}")
    trail = (*verdict.trail, _NO_LOOP, step)
    return Placement(verdict, Ending.RECORDED, trail, verdict.complaints, record=record)


def _stopped(verdict: Verdict, known: Known, *, is_returned: bool) -> Placement | None:
    """The loop guard; a list that sends back what a person of ours wrote makes it no automatic mail."""
    facts = verdict.facts
    found = guard(
        verdict.sender,
        facts.received_at,
        known.recorded_at.get(verdict.sender, ()),
        verdict.rules.loop,
        own=verdict.own,
        automatic=None if is_returned else facts.summary.automatic,
    )
    if found is None:
        return None
    trail = (*verdict.trail, Step(Stage.LOOP_GUARD, found.rule, found.why))
    reason = f"{Stage.LOOP_GUARD}: {found.why}"
    return Placement(verdict, Ending.QUARANTINED, trail, verdict.complaints, reason=reason)


def _followed_up(verdict: Verdict, known: Known) -> Placement:
    """A follow-up where its record is known, else a new record."""
    if not verdict.candidates:
        return _new_record(verdict, _NO_LOOKUP)
    found = choose(verdict.candidates, known.records, known.message_ids)
    record = known.records.get(found.number) if found is not None else None
    if found is None or record is None:
        return _new_record(verdict, _NOT_KNOWN)
    return _follow_up(verdict, found, record)


def _trust(headers: Headers, rules: Rules) -> _Trusted:
    """Remove or execute the message's own control headers."""
    if not control_headers.has_controls(headers):
        return _Trusted(headers, NO_CONTROLS, _TRUSTED if rules.trusted else _UNTRUSTED)
    if not rules.trusted:
        stripped = control_headers.strip(headers)
        step = Step(Stage.TRUST, "untrusted", f"{counted(len(headers) - len(stripped), 'control header')} removed")
        return _Trusted(stripped, NO_CONTROLS, step)
    controls, complaints = control_headers.read_controls(headers)
    step = Step(Stage.TRUST, "trusted", f"says {', '.join(controls) or 'nothing'}")
    return _Trusted(headers, controls, step, complaints)


def _returned_id(headers: Headers, bounce: Bounce, rules: Rules) -> int | None:
    """The message whose own return path a report came to, or whose envelope id it names."""
    if rules.return_secret is None:
        return None
    addressed = (text for name in _ADDRESSED for text in headers.raw_all(name))
    return outgoing_id_in(rules.return_secret, (*addressed, bounce.envelope_id))


def _countable(facts: MessageFacts) -> Mapping[str, Callable[[], str]]:
    """Headers that filters can match and nobody sends."""

    def count() -> str:
        return str(facts.attachment_count())

    def exists() -> str:
        return "yes" if facts.attachment_count() else "no"

    return {
        f"{prefix}{name}": value
        for prefix in control_headers.PREFIXES
        for name, value in (("attachmentcount", count), ("attachmentexists", exists))
    }


def _late(facts: MessageFacts, rules: Rules) -> Iterable[str]:
    """What is asked last for record numbers, where the settings allow it."""
    return _late_texts(facts, rules) if rules.followup_in_body or rules.followup_in_attachments else ()


def _late_texts(facts: MessageFacts, rules: Rules) -> Iterator[str]:
    if rules.followup_in_body:
        yield facts.body()
    if rules.followup_in_attachments:
        yield from facts.attachment_texts()


def _drafted(facts: MessageFacts, headers: Headers, controls: Controls, rules: Rules) -> RecordDraft:
    """The record the message would make; types come from packages too, so what fails is said to be theirs."""
    view = MessageView(facts.summary, headers, facts.body, facts.received_at)
    try:
        draft = rules.record_type.draft(view, controls)
        _ = draft.title, draft.fields, draft.complaints
    except Exception as error:
        error.add_note(f"record type {rules.record_type.name}")
        raise
    return draft


def _dispatch(headers: Headers, controls: Controls, rules: Rules) -> Dispatched:
    return dispatch(
        rules.mode,
        headers,
        rules.addresses,
        controls,
        rules.queues,
        account_queue=rules.account_queue,
        default_queue=rules.default_queue,
        plus_addressing=rules.plus_addressing,
        use_x_envelope_to=rules.use_x_envelope_to,
    )


def _bounced(verdict: Verdict, known: Known) -> Placement:
    """A report of our mail goes to its record, if it has one; any other is listed."""
    assert verdict.facts.bounce is not None
    original = verdict.facts.bounce.original_message_id
    sent = known.sent(verdict.returned_id, original)
    if sent is None:
        step = Step(Stage.BOUNCE, "not ours", f"we did not send {original or 'what it reports'}")
        return Placement(verdict, Ending.BOUNCE, (*verdict.trail, step), verdict.complaints)
    record = known.records.get(sent.number) if sent.number is not None else None
    step = Step(Stage.BOUNCE, "ours", f"we sent {sent.message_id}{f', for record {sent.number}' if record else ''}")
    trail = (*verdict.trail, step)
    return Placement(verdict, Ending.BOUNCE, trail, verdict.complaints, record=record, reports_on=sent.ids)


def _copied(verdict: Verdict, known: Known, copy: Copy) -> Placement:
    step = Step(Stage.FOLLOW_UP, "copy", f"the same message lies in {copy.folder} and is on record {copy.number}")
    return Placement(
        verdict,
        Ending.RECORDED,
        (*verdict.trail, step),
        verdict.complaints,
        record=known.records[copy.number],
        is_copy=True,
    )


def _follow_up(verdict: Verdict, found: FollowUp, record: KnownRecord) -> Placement:
    """Add it to its record, or make a new one where the record is closed and its queue wants that."""
    rules = verdict.rules
    closed = rules.queues.get(record.queue, "possible") if record.is_closed else "open"
    if closed == "new":
        step = Step(Stage.FOLLOW_UP, found.rule, f"{found.why}, but record {found.number} is closed: a new one is made")
        return _new_record(verdict, step)
    changes, complaints = changes_of(
        verdict.controls,
        rules.queues,
        verdict.facts.received_at,
        # What a pending record waits for may be just this, and nobody would see it before it closes by itself.
        opens=closed == "possible" or record.is_pending,
        keeps_state=closed == "reject",
    )
    ending = ", which stays closed" if closed == "reject" else ", which it opens" if changes.state == REOPENED else ""
    step = Step(Stage.FOLLOW_UP, found.rule, f"{found.why}: added to record {found.number}{ending}")
    return Placement(
        verdict,
        Ending.RECORDED,
        (*verdict.trail, _NO_LOOP, step),
        verdict.complaints + complaints,
        record=record,
        changes=changes,
    )


def _new_record(verdict: Verdict, follow_up: Step) -> Placement:
    assert verdict.dispatched is not None
    assert verdict.draft is not None
    return Placement(
        verdict,
        Ending.RECORDED,
        (*verdict.trail, _NO_LOOP, follow_up, *verdict.dispatched.steps),
        verdict.complaints + verdict.dispatched.complaints + verdict.draft.complaints,
        draft=verdict.draft,
        queue=verdict.dispatched.queue,
    )
