"""What tests of sending share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.environment import Environment
from core.gateway import open_gateway
from core.handles import Handles
from core.outbound.listener import listener as listener_module
from core.services.actor import Actor, Role
from tests.outbound.listening import Listening, at_work
from tests.servers.smtp import RuledSink


@pytest.fixture
def second_sink() -> Iterator[RuledSink]:
    """A relay beside `smtp_sink`, for a second mailbox."""
    with RuledSink() as sink:
        yield sink


@pytest.fixture
def house(sqlite_template: Path, environment: Environment) -> Iterator[Handles]:
    """A home on SQLite: what the listener does is the same on either engine."""
    shutil.copytree(sqlite_template, environment.home)
    handles = open_gateway(environment)
    yield handles
    handles.close()


@pytest.fixture
def anna(house: Handles) -> Actor:
    return Actor("anna", house.host, Role.SUPER_SECURITY_ADMIN)


@pytest.fixture
def listening(house: Handles, anna: Actor, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listening]:
    monkeypatch.setattr(listener_module, "LOOK", 0.05)
    monkeypatch.setattr(listener_module, "TRY_AGAIN", 0.1)
    with at_work(house, anna) as opened:
        yield opened
