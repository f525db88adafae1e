"""The fields of record types: their labels are settings, their values can be changed by hand."""

import pytest
from sqlalchemy import select
from sqlmodel import Session

from core.db.bulk import table_of
from core.errors import BadInput
from core.handles import Handles
from core.inbound.explain import explain
from core.models import Record
from core.services import records, settings
from core.services.actor import Actor
from core.services.configuration.config_text import import_text
from core.services.what_if.explaining import account_named
from tests.accounts import message
from tests.services.worlds import NOW

ACCOUNT = """
[[account]]
name = "grievances"
type = "IMAPS"
host = "imap.example.org"
username = "g@example.org"
record_type = "Grievance"
"""


def test_a_label_from_the_settings_fills_the_field(handles: Handles, admin: Actor) -> None:
    import_text(handles, admin, ACCOUNT, "accounts.toml")
    settings.change(handles, admin, {"record_labels": ["Grievance.Category=Kategorie"]})
    found = explain(handles, message("1", body="Kategorie: Lärm"), account_named(handles, "grievances"))
    assert (found.record_type, found.values["Category"]) == ("Grievance", "Lärm")


def test_a_label_of_no_field_is_refused(handles: Handles, admin: Actor) -> None:
    with pytest.raises(BadInput, match="names no field of a record type"):
        settings.change(handles, admin, {"record_labels": ["Grievance.Colour=Farbe"]})
    assert settings.change(handles, admin, {"hold_all": True})


def test_a_trusted_message_may_set_the_fields_of_its_accounts_type(handles: Handles, admin: Actor) -> None:
    import_text(handles, admin, ACCOUNT + "trusted = true\n", "accounts.toml")
    raw = message(
        "1", "X-OTOBO-DynamicField-location: Gate 3", "X-Postroom-DynamicField-Target: nothing of a grievance"
    )
    found = explain(handles, raw, account_named(handles, "grievances"))
    assert found.values["Location"] == "Gate 3"
    assert [complaint.what for complaint in found.complaints] == ["DynamicField-Target"]


def test_a_field_of_a_record_can_be_changed_by_hand(handles: Handles, admin: Actor) -> None:
    def add(session: Session) -> None:
        fields = {"Category": "roads", "Location": "Gate 3"}
        session.add(
            Record(id=7, number="2026030110000007", type="Grievance", fields=fields, created_at=NOW, updated_at=NOW)
        )

    handles.database.writing(add)
    assert records.change(handles, admin, "2026030110000007", {"Category": "noise"})
    with handles.database.reading() as session:
        kept = session.connection().scalar(select(table_of(Record).c.fields))
    assert kept == {"Category": "noise", "Location": "Gate 3"}
    with pytest.raises(BadInput, match="Did you mean Category"):
        records.change(handles, admin, "2026030110000007", {"Categorie": "noise"})


def test_a_field_of_another_type_is_refused_and_so_is_a_type_that_there_is_not(handles: Handles, admin: Actor) -> None:
    def add(session: Session) -> None:
        session.add(Record(id=7, number="2026030110000007", type="Grievance", created_at=NOW, updated_at=NOW))

    handles.database.writing(add)
    with pytest.raises(BadInput, match="Target: is no field of a Grievance"):
        records.change(handles, admin, "2026030110000007", {"Target": "x"})
    with pytest.raises(BadInput, match="type: is one of Ticket, Grievance, Change Request"):
        records.change(handles, admin, "2026030110000007", {"type": "Quarrel"})
    assert records.change(handles, admin, "2026030110000007", {"type": "Change Request", "Target": "the router"})
