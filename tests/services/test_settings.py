"""Settings: read, changed, refused with every mistake."""

from typing import Any

import pytest
from sqlmodel import select

from core.errors import BadInput, NotPermitted
from core.handles import Handles
from core.models import Audit, Setting
from core.services import settings
from core.services.actor import Actor, Role
from core.services.configuration.queues import queues
from core.services.setting_values import DEFAULTS, unnested


def test_the_defaults_are_those_that_are_promised() -> None:
    promised = {
        "default_queue": "Raw", "fetch_interval": "10m", "plus_addressing": False, "use_x_envelope_to": False,
        "system_id": 10, "followup_in_body": False, "followup_in_attachments": False, "staging_redirect": "",
        "hold_all": False, "fetch_slots": 32, "slots_per_host": 4, "idle_max": 1000, "min_free_disk": "500MiB",
        "retry.first": "1m", "retry.longest": "1h", "retry.lifetime": "5d", "retry.uncertain": "retry",
        "retry.notify": True, "loop.records": 20, "loop.window": "2h", "loop.allow": [], "listener.enabled": False,
        "listener.host": "127.0.0.1", "listener.port": 2525, "listener.username": "", "listener.max_size": "50MiB",
        "metrics.enabled": False, "metrics.host": "127.0.0.1", "metrics.port": 9925, "alerts.to": [],
        "alerts.mailbox": "", "alerts.command": "", "alerts.fetch_silence": "1h", "retention.raw": "365d",
        "retention.records": "0", "retention.outbox": "30d", "retention.quarantine": "90d", "retention.runs": "30d",
        "retention.audit": "0", "roles.admins": [], "roles.operators": [], "roles.viewers": [],
    }  # fmt: skip
    lists = {"states", "priorities", "types", "services", "slas", "owners", "dynamic_fields", "record_labels"}

    assert {name: value for name, value in DEFAULTS.items() if name not in lists} == promised
    assert set(DEFAULTS) == set(promised) | lists


@pytest.mark.parametrize(
    ("name", "given", "held"),
    [
        ("retry.first", "90s", "90s"),
        ("retry.first", "120s", "2m"),
        ("min_free_disk", "1024MiB", "1GiB"),
        ("fetch_slots", "64", 64),
        ("hold_all", True, True),
        ("owners", ["anna", "otto"], ["anna", "otto"]),
        ("retry.uncertain", "hold", "hold"),
        ("staging_redirect", "test@example.org", "test@example.org"),
        ("default_queue", "Junk", "Junk"),
    ],
)
def test_a_setting_holds_once_it_is_changed(handles: Handles, admin: Actor, name: str, given: Any, held: Any) -> None:
    assert settings.change(handles, admin, {name: given})

    assert settings.read(handles, admin)[name] == held
    assert not settings.change(handles, admin, {name: given})
    assert settings.change(handles, admin, {name: None})
    assert settings.read(handles, admin)[name] == DEFAULTS[name]


def test_only_what_differs_is_stored(handles: Handles, admin: Actor) -> None:
    settings.change(handles, admin, {"retry.first": "2m", "retry.longest": "1h"})

    with handles.database.reading() as session:
        names = [row.name for row in session.exec(select(Setting)) if not row.name.startswith("system.")]
    assert names == ["retry.first"]


def test_every_mistake_is_told_and_nothing_is_changed(handles: Handles, admin: Actor) -> None:
    given = {
        "retry.first": "soon", "fetch_slots": 0, "listener.port": 99999999, "defaultqueue": "Raw", "hold_all": "maybe",
        "retry.longest": "2h", "roles.admins": "anna",
    }  # fmt: skip
    with pytest.raises(BadInput) as refused:
        settings.change(handles, admin, given)

    assert {problem.field for problem in refused.value.problems} == set(given) - {"retry.longest"}
    assert settings.read(handles, admin)["retry.longest"] == "1h"


@pytest.mark.parametrize(
    ("name", "value"),
    [("default_queue", "Nowhere"), ("alerts.mailbox", "Nobody"), ("staging_redirect", "x"), ("alerts.to", ["x"])],
)
def test_what_a_setting_names_must_be_there(handles: Handles, admin: Actor, name: str, value: Any) -> None:
    with pytest.raises(BadInput) as refused:
        settings.change(handles, admin, {name: value})

    assert [problem.field for problem in refused.value.problems] == [name]


def test_the_default_queue_is_valid_and_stays(handles: Handles, admin: Actor) -> None:
    with pytest.raises(BadInput, match="default queue"):
        queues.change(handles, admin, "Raw", {"validity": "invalid"})
    with pytest.raises(BadInput, match="Queue Raw was not deleted: it is the default queue"):
        queues.delete(handles, admin, "Raw")
    queues.change(handles, admin, "Junk", {"validity": "invalid"})
    with pytest.raises(BadInput, match="no valid queue 'Junk'"):
        settings.change(handles, admin, {"default_queue": "Junk"})

    queues.change(handles, admin, "Raw", {"name": "Inbox"})
    assert settings.read(handles, admin)["default_queue"] == "Inbox"


def test_the_password_of_the_listener_is_sealed(handles: Handles, admin: Actor) -> None:
    settings.change(handles, admin, {"listener.password": "kanarienvogel"})

    with handles.database.reading() as session:
        kept = handles.vault.fetch(session, "setting", 0, "listener.password")
        rows = [repr(row) for model in (Setting, Audit) for row in session.exec(select(model)).all()]
    assert kept is not None
    assert kept.reveal() == "kanarienvogel"
    assert "kanarienvogel" not in "".join(rows)
    assert "kanarienvogel" not in str(settings.read(handles, admin))


def test_settings_are_listed_and_filtered(handles: Handles) -> None:
    assert [row["name"] for row in settings.rows(handles, "listener port")] == ["listener.port"]
    assert [row["name"] for row in settings.rows(handles, "value:365d")] == ["retention.raw"]
    assert len(settings.rows(handles, "-retry")) == len(DEFAULTS) - 5


def test_an_operator_changes_no_setting(handles: Handles) -> None:
    with pytest.raises(NotPermitted):
        settings.change(handles, Actor("otto", "h", Role.OPERATOR), {"hold_all": True})


def test_tables_become_dotted_names() -> None:
    given = {"hold_all": True, "retry": {"first": "1m"}, "nonsense": {"a": 1}}

    assert unnested(given) == {"hold_all": True, "retry.first": "1m", "nonsense": {"a": 1}}
