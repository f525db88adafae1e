"""Records and messages, opened: headers, text, attachments, fields, and why they are where they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from core.services import access, reply
from core.services.looking import reading
from core.services.looking.reading import Body, Letter, Part
from core.text import safe_text
from tui.console.cells import whole_moment, words, zone
from tui.console.dialogs.write import Draft, Write
from tui.console.foreign import foreign_lines
from tui.console.screens.detail import DetailScreen
from tui.console.sections import moment_of, section
from tui.console.wrapping import flowed
from tui.sizes import size

TEXTS_AT_MOST = 20
"""Messages of a record whose text is shown, the newest; the others by their headers."""


_HEADERS = {"header_from": "From", "header_to": "To", "header_cc": "Cc", "subject": "Subject", "date": "Date"}


class _Correspondence(DetailScreen):
    def refresh_data(self) -> None:
        """Ask for the row, then for the texts."""
        self.calls.ask(lambda: self._read(self._whole()), self._arrived, lane="row")

    def _read(self, whole: Mapping[str, Any]) -> Mapping[str, Any]:
        messages = [dict(one) for one in whole.get("messages", [whole])]
        for one in messages[-TEXTS_AT_MOST:]:
            one["body"] = reading.read(self.desk.handles, self.desk.actor, one["id"])
        return {**whole, "messages": messages}

    def _arrived(self, whole: Mapping[str, Any]) -> None:
        super()._arrived(whole)
        if trail := whole.get("trail"):
            self.say(f"Why it is here: {_step(trail[-1])}")

    def _ended(self, whole: Mapping[str, Any], parts: list[Content], width: int) -> Content:
        trail = [_step(one) for one in whole.get("trail") or []]
        return Content("\n").join([*parts, *([section("Why it is here", trail, width)] if trail else [])])

    def _rule(self, heading: str, width: int) -> str:
        return f"───{f' {heading} ' if heading else ''}".ljust(min(60, width), "─")


class RecordScreen(_Correspondence):
    """A record: its fields, its messages, what was answered, its trail."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("a", "answer", "answer", tooltip="Answer who wrote last")]

    _newest: Mapping[str, Any] | None = None
    """The message that came last, with its text."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Who may not answer is not offered it."""
        if action == "answer" and not access.may(self.desk.actor, "reply", "record"):
            return False
        return super().check_action(action, parameters)

    def action_answer(self) -> None:
        """Write an answer, and send it."""
        number, desk = str(self.row["number"]), self.desk
        self.calls.ask(lambda: reply.heading(desk.handles, desk.actor, number), partial(self._begin_answer, number))

    def _begin_answer(self, number: str, heading: reply.Heading) -> None:
        head = (
            f"To      {heading.to}",
            f"From    {heading.sent_from or 'the mailbox that sends it'}",
            f"Subject {heading.subject}",
        )
        self._write_answer(number, Draft(f"Answer to {self.kind.name} {number}", head, quoted=quoted(self._newest)))

    def _write_answer(self, number: str, draft: Draft) -> None:
        desk = self.desk

        def written(text: str | None) -> None:
            if text is not None:
                self.calls.ask(
                    lambda: reply.reply(desk.handles, desk.actor, number, text),
                    self._answered,
                    otherwise=lambda error: self._write_answer(
                        number, replace(draft, text=text, trouble=f"Not sent: {error}")
                    ),
                )

        self.app.push_screen(Write(draft), written)

    def _answered(self, message_id: str) -> None:
        self.refresh_data()
        self.tell(f"The answer is in the outbox as {message_id}.")

    def _arrived(self, whole: Mapping[str, Any]) -> None:
        super()._arrived(whole)
        self._newest = whole["messages"][-1] if whole["messages"] else None

    def painted(self, whole: Mapping[str, Any], width: int) -> Content:
        """Its fields, its messages, what was answered, its trail."""
        parts = [_record_head(whole, width)]
        if whole.get("fields"):
            parts.append(section("Fields", whole["fields"], width))
        for number, one in enumerate(whole["messages"], start=1):
            parts += _message(one, self._rule(f"{number} of {len(whole['messages'])}", width))
        if whole.get("replies"):
            parts.append(section("Answered", [_reply(one) for one in whole["replies"]], width))
        return self._ended(whole, parts, width)


class MessageScreen(_Correspondence):
    """One message: what it says, and where it ended."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "explain", "try", tooltip="What today's rules would make of it, and why; nothing is changed")
    ]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Who may not ask is not offered it."""
        if action == "explain" and not access.may(self.desk.actor, "explain", "message"):
            return False
        return super().check_action(action, parameters)

    def action_explain(self) -> None:
        """Show it."""
        from tui.console.rehearsing import show_explained

        show_explained(self.app, self.desk, int(self.row["id"]))

    def painted(self, whole: Mapping[str, Any], width: int) -> Content:
        """What it says, and its trail."""
        known = {key: self.row.get(key) for key in ("reason", "detail", "attempts", "edited_by") if self.row.get(key)}
        facts = {"state": whole.get("state"), "record": whole.get("record"), "account": whole.get("account"), **known}
        facts |= {"Message-ID": self.row.get("message_id"), "times": zone()}
        parts = [_facts(facts, width), *_message(whole["messages"][0], self._rule("", width))]
        return self._ended(whole, parts, width)


class OutgoingScreen(_Correspondence):
    """A message of the outbox: what became of it, and what it says."""

    def _read(self, whole: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**whole, "letter": reading.outgoing(self.desk.handles, self.desk.actor, whole["id"])}

    def painted(self, whole: Mapping[str, Any], width: int) -> Content:
        """Its fields, its recipients, its attempts, and what was handed in."""
        letter: Letter = whole["letter"]
        about = super().painted({name: value for name, value in whole.items() if name != "letter"}, width)
        one = {**vars(letter), "id": whole["id"]}
        return Content("\n").join([about, *_message(one, self._rule("as it was handed in", width), "raw --outbox")])


def quoted(message: Mapping[str, Any] | None) -> str:
    """A message as one quotes it in an answer (RFC 3676 §4.5); nothing for none, or for one without text."""
    body: Body | None = message.get("body") if message is not None else None
    if message is None or body is None or not body.text.strip():
        return ""
    lines = safe_text(body.text, multiline=True).strip("\n").split("\n")
    marked = (f">{line}" if line.startswith(">") else f"> {line}".rstrip() for line in lines)
    who = safe_text(words(message.get("header_from")))
    when = message.get("date") or message.get("received_at")
    written = whole_moment(datetime.fromisoformat(str(when))) if when else ""
    return "\n".join(["", "", f"{written}, {who} wrote:", *marked, ""])


def _record_head(whole: Mapping[str, Any], width: int) -> Content:
    title = Content.styled(safe_text(str(whole.get("title") or "(no title)")), "bold")
    names = ("type", "queue", "state", "priority", "lock", "owner", "responsible", "customer", "account")
    times = ("created_at", "updated_at", "pending_until")
    return Content("\n").join(
        [title, _facts({name: whole.get(name) for name in (*names, *times)} | {"times": zone()}, width)]
    )


def _reply(one: Mapping[str, Any]) -> Mapping[str, Any]:
    """What became of an answer; of a recipient it did not reach, why."""
    troubles = [part.get("text") for part in one["recipients"] if part.get("state") not in {"queued", "sent"}]
    when = _time(one.get("created_at"))
    return {"at": when, "state": one.get("state"), "to": one.get("to"), "why": "; ".join(filter(None, troubles))}


def _facts(facts: Mapping[str, Any], width: int) -> Content:
    known = {name: value for name, value in facts.items() if value not in (None, "")}
    return flowed([(name.removesuffix("_at").replace("_", " "), _fact(name, known[name])) for name in known], width)


def _fact(name: str, value: Any) -> str:
    return _time(value) if name.endswith(("_at", "_until")) else words(value)


def _time(value: Any) -> str:
    return words(value) if isinstance(value, datetime) else moment_of(str(value))


def _message(one: Mapping[str, Any], heading: str, whole: str = "raw") -> list[Content]:
    """What a message says; `whole` is the command that gives all of it."""
    lines = [Content.styled(f"\n{heading}", "$text-primary")]
    for name, label in _HEADERS.items():
        if one.get(name):
            shown = _time(one[name]) if name == "date" else words(one[name])
            lines.append(Content.assemble((f"{label:<8}", "$foreground-muted"), shown))
    body: Body | None = one.get("body")
    if body is None:
        return [*lines, Content.styled("(the text of older messages is in the list of messages)", "$foreground-muted")]
    lines += [Content(""), foreign_lines(body.text or "(no text)")]
    if body.is_cut:
        lines.append(Content.styled(f"(there is more: postroom {whole} {one['id']} gives all of it)", "$text-warning"))
    if body.parts:
        lines += [Content(""), *_attachments(body.parts)]
    return lines


def _attachments(attachments: Sequence[Part]) -> Iterable[Content]:
    for part in attachments:
        facts = f"  {safe_text(part.media_type)}, {size(part.size)}"
        yield Content.assemble(
            ("Attachment  ", "$foreground-muted"), safe_text(part.name), (facts, "$foreground-muted")
        )


def _step(one: Mapping[str, Any]) -> str:
    rule, why = one.get("rule"), one.get("why")
    return f"{one.get('stage', '')}: {f'{rule} – ' if rule else ''}{why or ''}"
