"""Grievances and change requests: each field filled by its rule, from control headers, labelled lines or a fallback."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core.inbound import record_types
from core.inbound.control_headers import Controls
from core.inbound.decisions.facts import Rules
from core.inbound.decisions.judging import judge_message
from core.inbound.record_types import FieldRule, FormType, MessageView, RecordDraft, Shape
from core.inbound.record_types.field_rules import LONGEST_TEXT, read_day
from core.mail.summary import summarise
from core.protocols.source import Fetched, Key

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def draft(kind: str, body: str, controls: dict[str, str] | None = None, labels: tuple[str, ...] = ()) -> RecordDraft:
    headers, summary = summarise(b"From: Ann Example <ann@x.example>\r\nSubject: Lamp out\r\n\r\n")
    record_type = record_types.with_labels(record_types.get(kind), labels)
    return record_type.draft(MessageView(summary, headers, lambda: body, NOW), Controls(controls or {}))


GRIEVANCE = """Dear Sir or Madam,

Category: roads
Name of complainant: Carl Example
LOCATION : Station Road 4
Incident date: 1 March 2026

The lamp is out.
"""


def test_labelled_lines_fill_a_grievance() -> None:
    made = draft("Grievance", GRIEVANCE)
    assert made == RecordDraft(
        title="Lamp out",
        type="Grievance",
        customer="ann@x.example",
        fields={
            "Category": "roads",
            "Complainant": "Carl Example",
            "Location": "Station Road 4",
            "IncidentDate": "2026-03-01",
        },
    )


def test_a_grievance_that_says_nothing_has_its_sender_as_complainant_and_no_guesses() -> None:
    made = draft("Grievance", "The lamp is out.")
    assert made.fields == {
        "Category": "",
        "Complainant": "Ann Example <ann@x.example>",
        "Location": "",
        "IncidentDate": "",
    }
    assert made.complaints == ()


def test_control_headers_come_before_the_body() -> None:
    controls = {"DynamicField-Category": "noise", "DynamicField-incidentdate": "2026-02-28", "DynamicField-Room": "7"}
    made = draft("Grievance", GRIEVANCE, controls)
    assert made.fields == {
        "Category": "noise",
        "Complainant": "Carl Example",
        "Location": "Station Road 4",
        "IncidentDate": "2026-02-28",
        "Room": "7",
    }


def test_an_incident_date_that_is_none_is_reported_and_left_empty() -> None:
    made = draft("Grievance", "Incident date: around Easter")
    assert made.fields["IncidentDate"] == ""
    assert [(one.what, one.value) for one in made.complaints] == [("IncidentDate", "around Easter")]


def test_a_change_request_keeps_texts_of_several_lines() -> None:
    body = """Target: Mail gateway
Requested change:
Raise the limit
to 50 MB.

Justification: Drawings do
not fit.
Location: of no interest
"""
    made = draft("Change Request", body)
    assert (made.type, made.title) == ("Change Request", "Lamp out")
    assert made.fields == {
        "Target": "Mail gateway",
        "RequestedChange": "Raise the limit\nto 50 MB.",
        "Justification": "Drawings do\nnot fit.\nLocation: of no interest",
    }


def test_the_subject_stands_in_for_a_change_nobody_described() -> None:
    assert draft("Change Request", "Please.").fields == {
        "Target": "",
        "RequestedChange": "Lamp out",
        "Justification": "",
    }


@pytest.mark.parametrize(
    ("body", "category"),
    [
        ("category: roads", "roads"),
        ("  CATEGORY :  roads  ", "roads"),
        ("*Category:* roads", "roads"),
        ("Type_of-grievance: roads", "roads"),
        ("Category:\n\nroads\nmore", "roads"),
        ("Category: roads\nCategory: noise", "roads"),
        ("Category:\nLocation: here", ""),
        ("> Category: roads", ""),
        ("My category: roads", ""),
        ("Category roads", ""),
        ("https://x.example/Category: roads", ""),
        ("Category: " + "x" * 5000, "x" * 999 + "…"),
        ("Category: a\0b", "a\N{REPLACEMENT CHARACTER}b"),
    ],
)
def test_labels_are_read_as_people_write_them(body: str, category: str) -> None:
    assert draft("Grievance", body).fields["Category"] == category


def test_a_text_is_bounded() -> None:
    assert len(draft("Change Request", "Reason: " + "a longer line\n" * 1900).fields["Justification"]) == LONGEST_TEXT


@pytest.mark.parametrize("line", [" " * 60_000, "a" + " " * 60_000, "a " * 30_000, "*" * 60_000 + "a", "a:" * 30_000])
def test_a_body_that_looks_like_labels_everywhere_takes_no_time(line: str) -> None:
    assert draft("Grievance", line).fields["Category"] == ""


def test_the_settings_give_further_labels() -> None:
    labels = ("Grievance.Category=Kategorie", "grievance.incidentdate = Datum:", "Change Request.Target=Ziel")
    made = draft("Grievance", "Kategorie: Straßen\nDatum: 01.03.2026\nZiel: nichts", labels=labels)
    assert (made.fields["Category"], made.fields["IncidentDate"]) == ("Straßen", "2026-03-01")
    assert draft("Change Request", "Ziel: Tor", labels=labels).fields["Target"] == "Tor"
    assert record_types.label_problems(labels) == []


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("Grievance.Category", "is not of the form"),
        ("Category=Kategorie", "names no field"),
        ("Grievance.Colour=Farbe", "Known are Category, Complainant, Location, IncidentDate"),
        ("Riddle.Answer=Antwort", "Types are Ticket, Grievance, Change Request"),
        ("Ticket.Category=Kategorie", "names no field"),
    ],
)
def test_a_label_of_nothing_is_refused(label: str, words: str) -> None:
    (problem,) = record_types.label_problems([label])
    assert words in problem


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-03-01", "2026-03-01"),
        ("2026-03-01 at 10:30", "2026-03-01"),
        ("1.3.2026", "2026-03-01"),
        ("01. 03. 2026", "2026-03-01"),
        ("03/04/2026", "2026-04-03"),  # the day comes first
        ("03/25/2026", "2026-03-25"),  # but there is no month 25
        ("1 March 2026", "2026-03-01"),
        ("Sunday, 1st of March 2026, about noon", "2026-03-01"),
        ("March 1, 2026", "2026-03-01"),
        ("Sun, 1 Mar 2026 10:00:00 +0100", "2026-03-01"),
        ("yesterday", "2026-03-01"),
        ("Today.", "2026-03-02"),
        ("31.02.2026", None),
        ("1 Smarch 2026", None),
        ("99999-01-01", None),
        ("0001-01-01", None),
        ("last week", None),
        ("", None),
    ],
)
def test_days_are_read(text: str, day: str | None) -> None:
    found = read_day(text, NOW)
    assert (found.isoformat() if found else None) == day


def test_every_field_is_listed_with_its_rule() -> None:
    listed = {
        name: [(rule.name, rule.header) for rule in record_types.fields_of(record_types.get(name))]
        for name in ("Ticket", "Grievance", "Change Request")
    }
    assert listed["Ticket"] == []
    assert listed["Grievance"][3] == ("IncidentDate", "X-Postroom-DynamicField-IncidentDate")
    assert [name for name, _ in listed["Change Request"]] == ["Target", "RequestedChange", "Justification"]


@pytest.mark.parametrize(("name", "hook"), [("Grievance", "Grievance#"), ("Change Request", "Change#")])
def test_each_type_has_its_hook(name: str, hook: str) -> None:
    assert record_types.get(name).hook == hook
    assert hook in record_types.hooks()


def test_a_form_is_a_type_made_of_data_alone() -> None:
    form = FormType("Visit", "Visit#", (FieldRule("Day", "When.", ("day",), shape=Shape.DATE),))
    headers, summary = summarise(b"Subject: x\r\n\r\n")
    made = form.draft(MessageView(summary, headers, lambda: "Day: today", NOW), Controls())
    assert (made.type, made.fields) == ("Visit", {"Day": "2026-03-02"})


class Raises:
    name, hook = "Raises", "Raises#"

    def draft(self, message: MessageView, controls: Controls) -> RecordDraft:
        if "bad" in message.summary.subject:
            raise ZeroDivisionError("deep inside")
        return RecordDraft(title="good")


class GivesNothing(Raises):
    name = "Gives Nothing"

    def draft(self, message: MessageView, controls: Controls) -> RecordDraft:
        return None  # type: ignore[return-value]


def test_a_type_that_raises_is_named_and_stops_no_other_message() -> None:
    rules = Rules(default_queue="Raw", queues={"Raw": "possible"}, record_type=Raises())
    judged = [
        judge_message(Fetched(Key("INBOX", 1, uid, ""), raw, len(raw), NOW), rules, NOW)
        for uid, raw in enumerate([b"Subject: good\r\n\r\n", b"Subject: bad\r\n\r\nkept", b"Subject: good\r\n\r\n"])
    ]
    assert [one.verdict is not None for one in judged] == [True, False, True]
    assert judged[1].reason == "could not be processed: record type Raises: ZeroDivisionError"
    assert "deep inside" in judged[1].detail
    assert judged[1].raw.endswith(b"kept")


def test_a_type_that_gives_no_draft_is_named_too() -> None:
    rules = replace(Rules(default_queue="Raw", queues={"Raw": "possible"}), record_type=GivesNothing())
    raw = b"Subject: x\r\n\r\n"
    judged = judge_message(Fetched(Key("INBOX", 1, 1, ""), raw, len(raw), NOW), rules, NOW)
    assert (judged.verdict, judged.reason) == (
        None,
        "could not be processed: record type Gives Nothing: AttributeError",
    )
