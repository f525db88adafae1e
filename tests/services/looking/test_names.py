"""The names that a shell offers at TAB are those that `list` would show."""

import os
import pwd

import psycopg
import pytest

from core.db import names
from core.handles import Handles
from core.resources.routing import QUEUE
from core.services import settings
from core.services.actor import Actor
from core.services.configuration.catalogue import resource_of
from core.services.looking.names import names_shown
from tests.accounts import ON_POSTGRES


def test_names_begin_as_typed_and_live(handles: Handles, admin: Actor) -> None:
    queues = resource_of(QUEUE)
    for name in ("Support", "Sales 50%", "Supplies"):
        queues.add(handles, admin, name, {})
    queues.delete(handles, admin, "Supplies")

    assert names_shown(handles.environment, "queue", "Su") == ["Support"]
    assert names_shown(handles.environment, "queue", "Sales 50%") == ["Sales 50%"]
    assert len(names_shown(handles.environment, "template", "")) == 5
    assert names_shown(handles.environment, "record", "") == []


def test_who_has_no_role_is_shown_no_names_and_a_viewer_no_templates(
    handles: Handles, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = pwd.getpwnam("nobody")
    monkeypatch.setattr(os, "geteuid", lambda: stranger.pw_uid)
    assert names_shown(handles.environment, "queue", "") == []

    settings.change(handles, admin, {"roles.viewers": ["nobody"]})
    assert names_shown(handles.environment, "queue", "R") == ["Raw"]
    assert names_shown(handles.environment, "template", "") == []


@ON_POSTGRES
def test_who_presses_tab_does_not_wait_for_a_table_that_is_rebuilt(
    handles: Handles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "_WAIT", 50)
    with psycopg.connect(handles.environment.database_url) as other:
        other.execute("LOCK TABLE queue IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(psycopg.errors.QueryCanceled):
            names_shown(handles.environment, "queue", "")
