"""Records and messages, opened: headers, text, attachments, fields, and why they are where they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from core.services import access, reading, reply
from core.services.reading import Body, Part
from core.text import safe_text
from tui.console.cells import size, words
from tui.console.dialogs.write import Write
from tui.console.foreign import foreign_lines
from tui.console.screens.detail import DetailScreen, section

_FIRM = "\N{NO-BREAK SPACE}"

TEXTS_AT_MOST = 20
"""Messages of a record whose text is shown, the newest; the others by their headers."""


class _Correspondence(DetailScreen):
    def refresh_data(self) -> None:
        """Ask for the row, then for the texts."""
        kind, key = self.kind, self.row["id"]
        self.calls.ask(lambda: self._read(self.desk.show(kind, key)), self._arrived, lane="row")

    def _read(self, whole: Mapping[str, Any]) -> Mapping[str, Any]:
        messages = [dict(one) for one in whole.get("messages", [whole])]
        for one in messages[-TEXTS_AT_MOST:]:
            one["body"] = reading.read(self.desk.handles, self.desk.actor, one["id"])
        return {**whole, "messages": messages}

    def _told(self, whole: Mapping[str, Any], parts: list[Content]) -> None:
        trail = [_step(one) for one in whole.get("trail") or []]
        self.text.update(Content("\n").join([*parts, *([section("Why it is here", trail)] if trail else [])]))
        if trail:
            self.say(f"Why it is here: {trail[-1]}")


class RecordScreen(_Correspondence):
    """A record: its fields, its messages, what was answered, its trail."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("a", "answer", "answer", tooltip="Answer who wrote last")]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Who may not answer is not offered it."""
        if action == "answer" and not access.may(self.desk.actor, "reply", "record"):
            return False
        return super().check_action(action, parameters)

    def action_answer(self) -> None:
        """Write an answer, and send it."""
        number, desk = str(self.row["number"]), self.desk

        def written(text: str | None) -> None:
            if text is not None:
                self.calls.ask(lambda: reply.reply(desk.handles, desk.actor, number, text), self._answered)

        self.app.push_screen(Write(f"Answer to {self.kind.name} {number}"), written)

    def _answered(self, message_id: str) -> None:
        self.refresh_data()
        self.tell(f"The answer is in the outbox as {message_id}.")

    def _arrived(self, whole: Mapping[str, Any]) -> None:
        rule = "-" if self.desk.ascii_only else "─"
        parts = [_record_head(whole)]
        if whole.get("fields"):
            parts.append(section("Fields", whole["fields"]))
        for number, one in enumerate(whole["messages"], start=1):
            parts += _message(one, f"{rule * 3} {number} of {len(whole['messages'])} ", rule)
        if whole.get("replies"):
            parts.append(section("Answered", [_reply(one) for one in whole["replies"]]))
        self._told(whole, parts)


class MessageScreen(_Correspondence):
    """One message: what it says, and where it ended."""

    def _arrived(self, whole: Mapping[str, Any]) -> None:
        rule = "-" if self.desk.ascii_only else "─"
        known = {key: self.row.get(key) for key in ("reason", "detail", "attempts", "edited_by") if self.row.get(key)}
        facts = {"state": whole.get("state"), "record": whole.get("record"), "account": whole.get("account"), **known}
        parts = [_facts(facts), *_message(whole["messages"][0], f"{rule * 3} ", rule)]
        self._told(whole, parts)


def _record_head(whole: Mapping[str, Any]) -> Content:
    title = Content.styled(safe_text(str(whole.get("title") or "(no title)")), "bold")
    names = ("type", "queue", "state", "priority", "lock", "owner", "responsible", "customer", "account")
    times = ("created_at", "updated_at", "pending_until")
    return Content("\n").join([title, _facts({name: whole.get(name) for name in (*names, *times)})])


def _reply(one: Mapping[str, Any]) -> Mapping[str, Any]:
    """What became of an answer; of a recipient it did not reach, why."""
    troubles = [part.get("text") for part in one["recipients"] if part.get("state") not in {"queued", "sent"}]
    when = _time(one.get("created_at"))
    return {"at": when, "state": one.get("state"), "to": one.get("to"), "why": "; ".join(filter(None, troubles))}


def _facts(facts: Mapping[str, Any]) -> Content:
    # Spaces that do not break: a name and its value stay on one line.
    parts = [
        Content.assemble(
            (f"{name.removesuffix('_at')}{_FIRM}".replace("_", _FIRM), "$foreground-muted"), _fact(name, value)
        )
        for name, value in facts.items()
        if value not in (None, "")
    ]
    return Content("   ").join(parts)


def _fact(name: str, value: Any) -> str:
    return _time(value) if name.endswith(("_at", "_until")) else words(value).replace(" ", _FIRM)


def _time(value: Any) -> str:
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        return words(value)
    return f"{moment.astimezone():%Y-%m-%d{_FIRM}%H:%M:%S}"


def _message(one: Mapping[str, Any], heading: str, rule: str) -> list[Content]:
    lines = [Content.styled(f"\n{heading}{rule * max(0, 60 - len(heading))}", "$text-primary")]
    for label, name in (("From", "header_from"), ("To", "header_to"), ("Subject", "subject"), ("Date", "date")):
        if one.get(name):
            shown = _time(one[name]) if name == "date" else words(one[name])
            lines.append(Content.assemble((f"{label:<8}", "$foreground-muted"), shown))
    body: Body | None = one.get("body")
    if body is None:
        return [*lines, Content.styled("(the text of older messages is in the list of messages)", "$foreground-muted")]
    lines += [Content(""), foreign_lines(body.text or "(no text)")]
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
