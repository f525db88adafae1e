from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import EntryPoint

import pytest

from core.errors import ConfigurationError
from core.inbound import record_types
from core.inbound.control_headers import Controls
from core.inbound.record_types import MessageView, RecordDraft
from core.mail.summary import summarise

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def view(raw: bytes = b"From: Ann <Ann@x.example>\r\nSubject: =?utf-8?q?B=C3=BCro?=\r\n\r\n") -> MessageView:
    headers, summary = summarise(raw)
    return MessageView(summary, headers, str, NOW)


def test_a_plain_message_makes_a_new_ticket() -> None:
    draft = record_types.get("Ticket").draft(view(), Controls())
    assert draft == RecordDraft(
        title="Büro", type="Ticket", state="new", priority="3 normal", lock="unlock", customer="Ann@x.example"
    )


def test_a_message_without_anything_makes_one_too() -> None:
    draft = record_types.get("Ticket").draft(view(b""), Controls())
    assert (draft.title, draft.customer) == ("(no subject)", "")


def test_controls_fill_the_record() -> None:
    controls = Controls(
        {
            "Title": "T", "State": "open", "Priority": "5 very high", "Lock": "lock", "Owner": "ann", "Responsible": "bob",
            "CustomerUser": "cust", "Type": "Incident", "Service": "Mail", "SLA": "Gold", "DynamicField-Room": "7",
            "SenderType": "agent", "IsVisibleForCustomer": "no", "FollowUp-State": "closed successful",
        }
    )  # fmt: skip
    draft = record_types.get("Ticket").draft(view(), controls)
    assert draft == RecordDraft(
        title="T",
        state="open",
        priority="5 very high",
        lock="lock",
        owner="ann",
        responsible="bob",
        customer="cust",
        fields={
            "Type": "Incident",
            "Service": "Mail",
            "SLA": "Gold",
            "Room": "7",
            "SenderType": "agent",
            "IsVisibleForCustomer": "no",
        },
    )


@pytest.mark.parametrize(
    ("controls", "until"),
    [
        ({"State": "pending reminder", "State-PendingTime": "+2h"}, NOW + timedelta(hours=2)),
        ({"State": "pending auto close"}, NOW + timedelta(days=1)),
        ({"State": "open", "State-PendingTime": "+2h"}, None),
        ({"State-PendingTime": "+2h"}, None),
    ],
)
def test_only_a_pending_state_has_a_time(controls: dict[str, str], until: datetime | None) -> None:
    assert record_types.get("Ticket").draft(view(), Controls(controls)).pending_until == until


class Visit:
    name = "Visit"
    hook = "Visit#"

    def draft(self, message: MessageView, controls: Controls) -> RecordDraft:
        return RecordDraft(title=message.summary.subject, type=self.name)


broken = object()


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    entries = [
        EntryPoint("Visit", f"{__name__}:Visit", record_types.GROUP),
        EntryPoint("Broken", f"{__name__}:broken", record_types.GROUP),
        EntryPoint("Absent", "no_such_package_anywhere:Thing", record_types.GROUP),
        EntryPoint("Ticket", f"{__name__}:Visit", record_types.GROUP),
    ]
    monkeypatch.setattr(record_types, "entry_points", lambda group: entries)
    record_types.forget()
    yield
    record_types.forget()


@pytest.mark.usefixtures("installed")
def test_a_package_brings_a_type_and_its_hook() -> None:
    assert record_types.get("Visit").draft(view(), Controls()).type == "Visit"
    assert "Visit#" in record_types.hooks()
    assert record_types.names() == ("Ticket", "Grievance", "Change Request", "Absent", "Broken", "Visit")


@pytest.mark.usefixtures("installed")
def test_a_package_cannot_replace_a_shipped_type() -> None:
    assert record_types.get("Ticket").hook == "Ticket#"


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("name", ["Broken", "Absent", "Unheard Of"])
def test_a_type_that_cannot_be_had_is_a_clear_refusal(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        record_types.get(name)
    assert set(record_types.SHIPPED_HOOKS) < set(record_types.hooks())
